package topic_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/topic"
)

// replaying runs what replays need until the test ends.
func (e *env) replaying() {
	e.tb.Helper()
	e.running(queue.NewTransfers(e.broker, e.definitions, e.topics.Mappers()).Run, e.topics.Replay)
}

// running runs parts until the test ends.
func (e *env) running(parts ...func(context.Context) error) {
	e.tb.Helper()
	e.tb.Cleanup(e.runningUntil(parts...))
}

func (e *env) archive() {
	e.tb.Helper()
	e.create("t.fifo", topic.Topic{FIFO: true, Retention: duration.Of(24 * time.Hour)})
}

func (e *env) number(i int, group string) {
	e.tb.Helper()
	e.publish(topic.Publish{Topic: named("t.fifo"), Messages: []topic.Message{{
		Body: fmt.Append(nil, i), Group: group, DedupID: fmt.Sprint("d", i), Attributes: []queue.Attribute{text("parity", []string{"even", "odd"}[i%2])},
	}}})
}

func (e *env) replay(s *topic.SubscriptionEntry, r *topic.Replay) {
	e.tb.Helper()
	if _, err := e.topics.UpdateSubscription(e.tb.Context(), s.Topic, s.UUID, func(s *topic.Subscription) error { s.Replay = r; return nil }); err != nil {
		e.tb.Fatal(err)
	}
}

// transferring waits for the beginning of a replay's transfer and returns its name.
func (e *env) transferring(s *topic.SubscriptionEntry) catalog.Name {
	e.tb.Helper()
	ctx, stop := context.WithTimeout(e.tb.Context(), time.Minute)
	defer stop()
	for {
		revision := e.definitions.Revision()
		now, err := e.topics.Subscription(ctx, s.Topic, s.UUID)
		if err != nil {
			e.tb.Fatal(err)
		}
		if feed := now.Subscription.Feed; feed != nil && feed.Transfer != "" {
			return named(feed.Transfer)
		}
		if err := e.definitions.Wait(ctx, revision); err != nil {
			e.tb.Fatalf("no transfer begins: %+v", now.Subscription.Feed)
		}
	}
}

// replayed waits for the end of a replay.
func (e *env) replayed(s *topic.SubscriptionEntry) {
	e.tb.Helper()
	ctx, stop := context.WithTimeout(e.tb.Context(), time.Minute)
	defer stop()
	for {
		revision := e.definitions.Revision()
		now, err := e.topics.Subscription(ctx, s.Topic, s.UUID)
		if err != nil {
			e.tb.Fatal(err)
		}
		switch status := e.topics.ReplayStatus(&now); {
		case now.Subscription.Feed == nil:
			return
		case status == topic.ReplayFailed:
			e.tb.Fatalf("the replay has failed: %+v", now.Subscription.Feed)
		}
		if err := e.definitions.Wait(ctx, revision); err != nil {
			e.tb.Fatalf("the replay does not end: %+v", now.Subscription.Feed)
		}
	}
}

// bodies are those of a queue's messages; one that was replayed has a mark behind it.
func (e *env) bodies(q queue.Queue) []string {
	e.tb.Helper()
	var all []string
	for _, m := range e.messages(q.ID, q.Definition.Kind()) {
		mark := ""
		if attributeText(&m, "Replayed") != "" {
			mark = "*"
		}
		all = append(all, string(m.Body)+mark)
	}
	return all
}

func TestReplay(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"orders.fifo", "orders"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			e.replaying()
			e.archive()
			q := e.queue(name, queue.Definition{FIFO: strings.HasSuffix(name, ".fifo")})
			s := e.add("t.fifo", topic.Subscription{Queue: name, Filter: []byte(`{"parity":["odd"]}`)})
			for i := range 4 {
				e.number(i, "g")
			}
			if status := e.topics.ReplayStatus(&s); status != "" {
				t.Errorf("status %q without a replay", status)
			}
			e.replay(&s, &topic.Replay{From: time.Now().Add(-time.Hour)})
			e.replayed(&s)
			s, err := e.topics.Subscription(t.Context(), s.Topic, s.UUID)
			if err != nil || e.topics.ReplayStatus(&s) != topic.ReplayCompleted {
				t.Errorf("%+v, %v", s.Subscription, err)
			}
			for i := 4; i < 8; i++ {
				e.number(i, "g")
			}
			if diff := cmp.Diff([]string{"1", "3", "1*", "3*", "5", "7"}, e.bodies(q)); diff != "" {
				t.Error(diff)
			}
			// The same again is no other replay; with another beginning it is.
			e.replay(&s, &topic.Replay{From: s.Subscription.Replay.From})
			e.replay(&s, &topic.Replay{From: s.Subscription.Replay.From.Add(time.Second)})
			e.replayed(&s)
			if got := e.bodies(q)[6:]; !slices.Equal(got, []string{"1*", "3*", "5*", "7*"}) {
				t.Errorf("the second replay brought %v", got)
			}
		})
	}
}

func TestReplayUntil(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.replaying()
	e.archive()
	q := e.queue("q.fifo", queue.Definition{FIFO: true})
	s := e.add("t.fifo", topic.Subscription{Queue: "q.fifo"})
	e.number(0, "g")
	published := e.log("t.fifo")[0].Sent
	e.replay(&s, &topic.Replay{From: published.Add(-time.Hour), Until: published.Add(-time.Minute)})
	e.replayed(&s)
	e.number(1, "g") // the replay had an end, so that nothing comes after it
	if diff := cmp.Diff([]string{"0"}, e.bodies(q)); diff != "" {
		t.Error(diff)
	}
	e.replay(&s, &topic.Replay{From: published.Add(-time.Hour), Until: time.Now().Add(time.Hour)})
	e.replayed(&s)
	e.number(2, "g")
	if diff := cmp.Diff([]string{"0", "0*", "1*", "2"}, e.bodies(q)); diff != "" {
		t.Error(diff)
	}
	e.replay(&s, nil)
	e.number(3, "g")
	if got := e.bodies(q); got[len(got)-1] != "3" || len(got) != 5 {
		t.Errorf("without a replay: %v", got)
	}
}

func TestReplayedEnvelope(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.replaying()
	e.archive()
	q := e.queue("q", queue.Definition{})
	s := e.add("t.fifo", topic.Subscription{Queue: "q", Raw: new(false)})
	e.publish(topic.Publish{Topic: named("t.fifo"), Messages: []topic.Message{{
		Body: []byte("plain"), Subject: "S", Group: "g", DedupID: "d", Trace: "Root=1", Variants: map[string][]byte{"sqs": []byte("variant")},
		Attributes: []queue.Attribute{{Name: "b", Type: "Binary", Value: []byte{0xff}}},
	}}})
	e.replay(&s, &topic.Replay{From: time.Now().Add(-time.Hour)})
	e.replayed(&s)
	all := e.messages(q.ID, queue.Standard)
	if len(all) != 2 || all[0].ID == all[1].ID {
		t.Fatalf("%d messages", len(all))
	}
	first, again := object(t, all[0].Body), object(t, all[1].Body)
	if again["Replayed"] != true || first["Message"] != "variant" {
		t.Errorf("%s", all[1].Body)
	}
	delete(again, "Replayed")
	if diff := cmp.Diff(first, again); diff != "" {
		t.Error(diff)
	}
	if a, _ := all[1].SystemAttribute("AWSTraceHeader"); string(a.Value) != "Root=1" || all[1].Group != "g" {
		t.Errorf("trace %s, group %q", a.Value, all[1].Group)
	}
}

// Publishes go on during a long replay: after it began the subscription gets the archive, then what was held, then what is
// published, each once and in order, although appends fail, before and after they were made.
func TestReplayGoesOverIntoLive(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.archive()
	q := e.queue("q.fifo", queue.Definition{FIFO: true})
	s := e.add("t.fifo", topic.Subscription{Queue: "q.fifo"})
	const before, during = 1200, 600
	for i := range before {
		e.number(i, "g")
	}
	e.replaying()
	var mu sync.Mutex
	appends := 0
	fault := errors.New("fault")
	e.store.afterAppend = func(req *queue.AppendRequest) (before, after error) {
		if !strings.HasPrefix(req.Token, "transfer/") && !strings.Contains(req.Token, "/handover/") {
			return nil, nil
		}
		mu.Lock()
		defer mu.Unlock()
		switch appends++; appends % 3 {
		case 1:
			return fault, nil
		case 2:
			return nil, fault
		}
		return nil, nil
	}
	var done sync.WaitGroup
	done.Go(func() {
		for i := before; i < before+during; i++ {
			e.number(i, "g")
		}
	})
	e.replay(&s, &topic.Replay{From: time.Now().Add(-time.Hour)})
	e.replayed(&s)
	done.Wait()
	e.number(before+during, "g")
	got := e.bodies(q)
	first := slices.Index(got, "0*")
	if first < before {
		t.Fatalf("the replay begins at %d", first)
	}
	var want []string
	for i := range first { // as published, up to the beginning of the replay
		want = append(want, fmt.Sprint(i))
	}
	replayed := 0
	for first+replayed < len(got) && strings.HasSuffix(got[first+replayed], "*") {
		want = append(want, fmt.Sprint(replayed, "*"))
		replayed++
	}
	for i := first; i <= before+during; i++ {
		want = append(want, fmt.Sprint(i))
	}
	if diff := cmp.Diff(want, got); diff != "" || replayed < before || replayed > first {
		t.Errorf("%d replayed of %d before: %s", replayed, first, diff)
	}
	mu.Lock()
	defer mu.Unlock()
	if appends == 0 {
		t.Error("nothing was copied")
	}
}

// A publish that began before the subscription was made, and ends later, is part of the archive.
func TestSubscribeWithReplay(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.archive()
	q := e.queue("q.fifo", queue.Definition{FIFO: true})
	e.number(0, "g")
	begun, release := make(chan struct{}), make(chan struct{})
	var waits atomic.Bool
	e.store.beforeAppend = func(*queue.AppendRequest) {
		if waits.CompareAndSwap(false, true) {
			close(begun)
			<-release
		}
	}
	var done sync.WaitGroup
	done.Go(func() { e.number(1, "g") })
	<-begun
	s := e.add("t.fifo", topic.Subscription{Queue: "q.fifo", Replay: &topic.Replay{From: time.Now().Add(-time.Hour)}})
	if status := e.topics.ReplayStatus(&s); status != topic.ReplayPending {
		t.Errorf("status %q", status)
	}
	e.replaying()
	e.number(2, "h")
	close(release)
	done.Wait()
	e.number(3, "g")
	e.replayed(&s)
	e.number(4, "g")
	if diff := cmp.Diff([]string{"0*", "2", "1*", "3", "4"}, e.bodies(q)); diff != "" { // as in the log
		t.Error(diff)
	}
}

// Subscriptions that are made with a replay, while messages are published, get each once and in order.
func TestSubscribeWithReplayAmidPublishes(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.archive()
	e.replaying()
	const each = 60
	for round := range 10 {
		q := e.queue(fmt.Sprintf("q%d.fifo", round), queue.Definition{FIFO: true})
		var done sync.WaitGroup
		begun := make(chan struct{})
		done.Go(func() {
			for i := round * each; i < (round+1)*each; i++ {
				e.number(i, "g")
				if i == round*each {
					close(begun)
				}
			}
		})
		<-begun
		s := e.add("t.fifo", topic.Subscription{Queue: q.Name.Name, Replay: &topic.Replay{From: time.Now().Add(-time.Hour)}})
		done.Wait()
		e.replayed(&s)
		var want, got []string
		for i := range (round + 1) * each {
			want = append(want, fmt.Sprint(i))
		}
		for _, body := range e.bodies(q) {
			got = append(got, strings.TrimSuffix(body, "*"))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("round %d: %s", round, diff)
		}
	}
}

// A replay that is given up, before or after its transfer began, does not lose what was held.
func TestReplayGivenUp(t *testing.T) {
	t.Parallel()
	for _, began := range []bool{false, true} {
		t.Run(fmt.Sprint(began), func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			e.archive()
			q := e.queue("q.fifo", queue.Definition{FIFO: true})
			s := e.add("t.fifo", topic.Subscription{Queue: "q.fifo"})
			e.number(0, "g")
			e.replay(&s, &topic.Replay{From: time.Now().Add(-time.Hour)})
			var transfer catalog.Name
			if began {
				e.running(e.topics.Replay)
				transfer = e.transferring(&s)
			}
			e.number(1, "g")
			now, err := e.topics.Subscription(t.Context(), s.Topic, s.UUID)
			if err != nil || e.topics.ReplayStatus(&now) != topic.ReplayPending {
				t.Errorf("%+v, %v", now.Subscription, err)
			}
			e.replay(&s, nil)
			if began {
				e.running(queue.NewTransfers(e.broker, e.definitions, e.topics.Mappers()).Run)
				table := catalog.NewTable[queue.Transfer](e.definitions, queue.TransferTable)
				if got, err := table.Get(transfer); err != nil || got.Value.State != queue.TransferCancelled {
					t.Errorf("%+v, %v", got, err)
				}
			} else {
				e.replaying()
			}
			e.replayed(&s)
			e.number(2, "g")
			if diff := cmp.Diff([]string{"0", "1", "2"}, e.bodies(q)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Whatever becomes of a replay's transfer, the subscription gets what was held.
func TestReplayTransferEnds(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		how  string
		end  func(*catalog.Table[queue.Transfer], catalog.Name) error
		want []string
	}{
		{"failed", func(table *catalog.Table[queue.Transfer], name catalog.Name) error {
			_, err := table.Update(context.Background(), name, func(tr *queue.Transfer) error {
				tr.State, tr.Ended = queue.TransferFailed, time.Now().Add(-time.Hour)
				return nil
			})
			return err
		}, []string{"0", "0*", "1", "2"}},
		{"cancelled", func(table *catalog.Table[queue.Transfer], name catalog.Name) error {
			_, err := table.Update(context.Background(), name, func(tr *queue.Transfer) error {
				tr.State, tr.Ended = queue.TransferCancelled, time.Now()
				return nil
			})
			return err
		}, []string{"0", "1", "2"}},
		{"gone", func(table *catalog.Table[queue.Transfer], name catalog.Name) error {
			return table.Delete(context.Background(), name)
		}, []string{"0", "1", "2"}},
	} {
		t.Run(x.how, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			told := make(chan error, 100)
			e.topics.OnFault = func(err error) { told <- err }
			e.archive()
			q := e.queue("q.fifo", queue.Definition{FIFO: true})
			s := e.add("t.fifo", topic.Subscription{Queue: "q.fifo"})
			e.number(0, "g")
			e.replay(&s, &topic.Replay{From: time.Now().Add(-time.Hour)})
			e.running(e.topics.Replay)
			transfer := e.transferring(&s)
			e.number(1, "g")
			if err := x.end(catalog.NewTable[queue.Transfer](e.definitions, queue.TransferTable), transfer); err != nil {
				t.Fatal(err)
			}
			<-told
			e.running(queue.NewTransfers(e.broker, e.definitions, e.topics.Mappers()).Run)
			e.replayed(&s)
			e.number(2, "g")
			if diff := cmp.Diff(x.want, e.bodies(q)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A replay takes the place of another, whatever that is at: what was held comes once, and what the second one covers comes again.
func TestReplayReplaced(t *testing.T) {
	t.Parallel()
	first, second := time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	for _, x := range []struct {
		when string
		want []string
	}{
		{"before it begins", []string{"0", "0*", "1", "2", "3"}},
		{"before its transfer begins", []string{"0", "0*", "1", "2", "3"}},
		{"amid a batch", []string{"0", "0*", "1", "0*", "1*", "2", "3"}},
		{"amid a batch, and given up", []string{"0", "0*", "1", "2", "3"}},
		{"after its transfer", []string{"0", "0*", "1", "0*", "1*", "2", "3"}},
		{"amid the handover", []string{"0", "0*", "1", "2", "0*", "1*", "2*", "3"}},
	} {
		for _, name := range []string{"q", "q.fifo"} {
			t.Run(x.when+", "+name, func(t *testing.T) {
				t.Parallel()
				e := newEnv(t)
				e.archive()
				q := e.queue(name, queue.Definition{FIFO: strings.HasSuffix(name, ".fifo")})
				s := e.add("t.fifo", topic.Subscription{Queue: name})
				e.number(0, "g")
				e.replay(&s, &topic.Replay{From: first})
				e.number(1, "g") // is held
				replace := sync.OnceFunc(func() {
					e.replay(&s, &topic.Replay{From: second})
					if strings.HasSuffix(x.when, "given up") {
						e.replay(&s, nil)
					}
				})
				amid := func(token string) {
					e.store.afterAppend = func(req *queue.AppendRequest) (before, after error) {
						if strings.Contains(req.Token, token) {
							replace()
						}
						return nil, nil
					}
				}
				switch x.when {
				case "before it begins":
					replace()
				case "amid a batch", "amid a batch, and given up":
					amid("transfer/")
				case "amid the handover":
					amid("/handover/")
				}
				if x.when != "before it begins" {
					stop := e.runningUntil(e.topics.Replay)
					transfer := e.transferring(&s)
					stop()
					switch x.when {
					case "before its transfer begins":
						replace()
					case "after its transfer":
						stop := e.runningUntil(queue.NewTransfers(e.broker, e.definitions, e.topics.Mappers()).Run)
						e.transferred(transfer)
						stop()
						replace()
					}
				}
				e.number(2, "g")
				e.replaying()
				e.replayed(&s)
				e.number(3, "g")
				if diff := cmp.Diff(x.want, e.bodies(q)); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// runningUntil runs parts until the function that it returns is called.
func (e *env) runningUntil(parts ...func(context.Context) error) (stop func()) {
	e.tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, run := range parts {
		running.Go(func() {
			if err := run(ctx); err != nil && !errors.Is(err, queue.ErrStoreClosed) {
				e.tb.Error(err)
			}
		})
	}
	return func() { cancel(); running.Wait() }
}

// transferred waits for the end of a transfer.
func (e *env) transferred(name catalog.Name) {
	e.tb.Helper()
	table := catalog.NewTable[queue.Transfer](e.definitions, queue.TransferTable)
	ctx, stop := context.WithTimeout(e.tb.Context(), time.Minute)
	defer stop()
	for {
		revision := e.definitions.Revision()
		if got, err := table.Get(name); err != nil || got.Value.State.Ended() {
			return
		}
		if err := e.definitions.Wait(ctx, revision); err != nil {
			e.tb.Fatal("the transfer does not end")
		}
	}
}

func TestReplayOfNothing(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.replaying()
	e.archive()
	q := e.queue("q.fifo", queue.Definition{FIFO: true})
	s := e.add("t.fifo", topic.Subscription{Queue: "q.fifo", Replay: &topic.Replay{From: time.Now().Add(-time.Hour)}})
	e.replayed(&s)
	e.number(0, "g")
	if diff := cmp.Diff([]string{"0"}, e.bodies(q)); diff != "" {
		t.Error(diff)
	}
	if err := e.topics.Unsubscribe(t.Context(), s.Topic, s.UUID, false); err != nil {
		t.Error(err)
	}
}
