package tests

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// archive archives the scene's bus and returns the archive's ARN.
func (s *eventsScene) archive(name, pattern string) string {
	s.t.Helper()
	in := &eventbridge.CreateArchiveInput{ArchiveName: aws.String(s.prefix + name), EventSourceArn: aws.String(s.busARN())}
	if pattern != "" {
		in.EventPattern = &pattern
	}
	out, err := s.CreateArchive(s.t.Context(), in)
	s.ok(err, "creating archive "+name)
	return *out.ArchiveArn
}

func (s *eventsScene) busARN() string {
	return "arn:aws:events:us-east-1:000000000000:event-bus/" + s.bus
}

// replay replays the last hour, and the next minute if now is not the end, to rules.
func (s *eventsScene) replay(name, archive string, until time.Time, rules ...string) error {
	s.t.Helper()
	_, err := s.StartReplay(s.t.Context(), &eventbridge.StartReplayInput{
		ReplayName: aws.String(s.prefix + name), EventSourceArn: &archive,
		EventStartTime: aws.Time(time.Now().Add(-time.Hour)), EventEndTime: &until,
		Destination: &ebtypes.ReplayDestination{Arn: aws.String(s.busARN()), FilterArns: rules},
	})
	return err
}

// replayed waits for a replay to be in a state.
func (s *eventsScene) replayed(name string, state ebtypes.ReplayState) *eventbridge.DescribeReplayOutput {
	s.t.Helper()
	var out *eventbridge.DescribeReplayOutput
	harness.Until(s.t, "the replay to be "+string(state), func() (bool, string) {
		var err error
		out, err = s.DescribeReplay(s.t.Context(), &eventbridge.DescribeReplayInput{ReplayName: aws.String(s.prefix + name)})
		s.ok(err, "DescribeReplay")
		return out.State == state, string(out.State) + " " + aws.ToString(out.StateReason)
	})
	return out
}

// TestEventBridgeReplay replays what was archived, also over a restart, and while more is published.
func TestEventBridgeReplay(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{})
	s := newEventsScene(t, r, "replay")
	url, target := s.queue("q")
	other, otherTarget := s.queue("other")
	rule := s.rule("r", `{"source":["shop"]}`, target)
	s.rule("other", `{"source":["shop"]}`, otherTarget)
	archive := s.archive("a", `{"detail":{"keep":[true]}}`)
	var kept []string
	for i := range 20 {
		id := s.put("t", fmt.Sprintf(`{"keep":%v,"n":%d}`, i%2 == 0, i))
		if i%2 == 0 {
			kept = append(kept, id)
		}
	}
	s.sns.drain(url, 20)
	s.sns.drain(other, 20)
	described, err := s.DescribeArchive(t.Context(), &eventbridge.DescribeArchiveInput{ArchiveName: aws.String(s.prefix + "a")})
	s.ok(err, "DescribeArchive")
	if described.EventCount != 10 || described.SizeBytes == 0 || described.State != ebtypes.ArchiveStateEnabled {
		t.Errorf("the archive is %+v", described)
	}
	r.Kill()
	r.Restart()
	s.reconnect()
	s.ok(s.replay("one", archive, time.Now().Add(time.Second), rule), "StartReplay")
	var got []string
	for range kept {
		e := s.received(url)
		if e.ReplayName != s.prefix+"one" {
			t.Errorf("an event came with replay-name %q", e.ReplayName)
		}
		got = append(got, e.ID)
	}
	slices.Sort(got)
	slices.Sort(kept)
	if !slices.Equal(got, kept) {
		t.Errorf("replayed %v, want %v", got, kept)
	}
	done := s.replayed("one", ebtypes.ReplayStateCompleted)
	if done.EventLastReplayedTime == nil || done.ReplayEndTime == nil {
		t.Errorf("the replay ended as %+v", done)
	}
	s.sns.drain(url, 0)
	s.sns.drain(other, 0)
	if d, err := s.DescribeArchive(t.Context(), &eventbridge.DescribeArchiveInput{ArchiveName: aws.String(s.prefix + "a")}); err != nil || d.EventCount != 10 {
		t.Errorf("what was replayed was archived again: %+v, %v", d, err)
	}
	s.refused(s.replay("one", archive, time.Now()), "a replay of that name", "ResourceAlreadyExistsException", "Replay "+s.prefix+"one already exists.")

	// One that goes on: what is archived until its end comes too. It can be cancelled.
	s.ok(s.replay("two", archive, time.Now().Add(time.Hour), rule), "StartReplay")
	for range kept {
		s.received(url)
	}
	id := s.put("late", `{"keep":true}`)
	for seen := map[string]bool{}; len(seen) < 2; {
		e := s.received(url)
		if e.ID != id {
			t.Fatalf("received %+v", e)
		}
		seen[e.ReplayName] = true
	}
	_, err = s.CancelReplay(t.Context(), &eventbridge.CancelReplayInput{ReplayName: aws.String(s.prefix + "two")})
	s.ok(err, "CancelReplay")
	s.replayed("two", ebtypes.ReplayStateCancelled)
	_, err = s.DeleteArchive(t.Context(), &eventbridge.DeleteArchiveInput{ArchiveName: aws.String(s.prefix + "a")})
	s.ok(err, "DeleteArchive")
}

// TestEventBridgeKilled kills the router in the middle of calls of PutEvents to a bus with several rules and an archive, again and
// again: what was acknowledged is with every target and can be replayed.
func TestEventBridgeKilled(t *testing.T) {
	t.Parallel()
	rounds := 4
	if soak() {
		rounds = 50
	}
	random, _ := seededRandom(t)
	r := harness.Start(t, harness.Options{})
	s := newEventsScene(t, r, "killed")
	urls := map[string]string{}
	for _, name := range []string{"a", "b", "c"} {
		url, target := s.queue(name)
		urls[name] = url
		s.rule(name, `{"source":["shop"]}`, target)
	}
	archive := s.archive("archive", "")
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	for range rounds {
		k := newKillRound(int64(10 + random.IntN(40)))
		var running sync.WaitGroup
		for range 8 {
			running.Go(func() {
				for !k.over() {
					entries := make([]ebtypes.PutEventsRequestEntry, 3)
					for i := range entries {
						entries[i] = ebtypes.PutEventsRequestEntry{EventBusName: &s.bus, Source: aws.String("shop"), DetailType: aws.String("t"), Detail: aws.String(`{}`)}
					}
					out, err := s.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: entries})
					if err != nil {
						continue // killed
					}
					mu.Lock()
					for _, e := range out.Entries {
						if e.EventId != nil {
							acknowledged[*e.EventId] = true
						}
					}
					mu.Unlock()
					k.acked()
				}
			})
		}
		k.kill(t, r, &running)
		r.Restart()
		s.reconnect()
	}
	t.Logf("%d events were acknowledged", len(acknowledged))
	all := func(url string) map[string]int {
		got := map[string]int{}
		missing := len(acknowledged)
		for missing > 0 {
			e := s.received(url)
			if got[e.ID]++; got[e.ID] == 1 && acknowledged[e.ID] {
				missing--
			}
		}
		return got
	}
	for name, url := range urls {
		for id, n := range all(url) {
			if n > 1 {
				t.Errorf("%s has event %s %d times", name, id, n)
			}
		}
	}
	s.ok(s.replay("all", archive, time.Now().Add(time.Second)), "StartReplay")
	for _, url := range urls {
		all(url)
	}
	s.replayed("all", ebtypes.ReplayStateCompleted)
}
