package tests

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

const (
	soakClients    = 64
	soakVisibility = 5 * time.Second
	// soakBacklog is how many messages a queue may have before clients only receive.
	soakBacklog = 2000
)

// soakQueues are the queues of TestSQSSoak. Of a FIFO queue each client sends to two groups that are its own.
var soakQueues = [...]string{"parcels", "orders.fifo", "payments.fifo"}

// soakTime is how long TestSQSSoak runs: SIGNALBOX_SOAK_TIME, or 30 minutes with SIGNALBOX_SOAK, or 45 seconds.
func soakTime(t *testing.T) time.Duration {
	t.Helper()
	if text := os.Getenv("SIGNALBOX_SOAK_TIME"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("SIGNALBOX_SOAK_TIME: %v", err)
		}
		return d
	}
	if soak() {
		return 30 * time.Minute
	}
	return 45 * time.Second
}

// TestSQSSoak has 64 clients send, receive, delete and change the visibility of messages, alone and in batches, on a standard
// and two FIFO queues, while the router is killed again and again. In the end every message is accounted for: see
// soakLedger.
func TestSQSSoak(t *testing.T) {
	t.Parallel()
	random, seed := seededRandom(t)
	duration := soakTime(t)
	var config strings.Builder
	config.WriteString("queues:\n")
	for _, queue := range soakQueues {
		fmt.Fprintf(&config, "  %s: {fifo: %v, visibility_timeout: %v}\n", queue, isFIFO(queue), soakVisibility)
	}
	r := harness.Start(t, harness.Options{Config: config.String()})
	book := newSoakLedger()
	end := time.Now().Add(duration)
	rounds := 0
	for time.Now().Before(end) {
		round := newKillRound(int64(200 + random.IntN(4000)))
		var running sync.WaitGroup
		for i := range soakClients {
			c := &soakClient{killRound: round, client: r.Client, book: book, number: i, random: rand.New(rand.NewPCG(seed, uint64(rounds*soakClients+i+1)))}
			running.Go(c.run)
		}
		began := round.kill(t, r, &running)
		book.killed(began)
		rounds++
		for _, problem := range book.problems() {
			t.Error(problem)
		}
		if t.Failed() {
			t.Fatalf("failed in round %d", rounds)
		}
		r.Restart()
	}
	soakDrain(t, r, book)
	for _, problem := range book.settle() {
		t.Error(problem)
	}
	t.Logf("%d kills: %s", rounds, book)
}

func isFIFO(queue string) bool { return strings.HasSuffix(queue, ".fifo") }

// soakClient is a client for one round. It ends when the router is gone.
type soakClient struct {
	*killRound
	client *harness.Client
	book   *soakLedger
	number int
	random *rand.Rand
}

func (c *soakClient) run() {
	for {
		queue := soakQueues[c.random.IntN(len(soakQueues))]
		ok := false
		switch {
		case c.random.IntN(2) == 0 || c.book.backlog(queue) > soakBacklog:
			ok = c.receive(queue, 1+c.random.IntN(10), true)
		case isFIFO(queue):
			ok = c.sendFIFO(queue)
		default:
			ok = c.sendStandard(queue)
		}
		if !ok {
			return
		}
	}
}

// soakEntry is what requests and answers have for one message.
type soakEntry struct {
	ID         string `json:"Id,omitempty"`
	Body       string `json:"MessageBody,omitempty"`
	Group      string `json:"MessageGroupId,omitempty"`
	Dedup      string `json:"MessageDeduplicationId,omitempty"`
	Handle     string `json:"ReceiptHandle,omitempty"`
	Visibility *int   `json:"VisibilityTimeout,omitempty"`
	Message    string `json:"Message,omitempty"`
}

// do makes a call. ok is false when the client should end, because there was no answer. An error is answered as it is.
func (c *soakClient) do(operation, queue string, in map[string]any) (answer *harness.Answer, ok bool) {
	if c.over() {
		return nil, false
	}
	in["QueueUrl"] = queue
	body, err := json.Marshal(in)
	if err != nil {
		panic(err) // texts and numbers
	}
	answer, err = c.client.Try(http.MethodPost, "/", map[string]string{"X-Amz-Target": "AmazonSQS." + operation, "Content-Type": "application/x-amz-json-1.0"}, body)
	if err != nil {
		return nil, false
	}
	if answer.Status == http.StatusOK {
		c.acked()
	}
	return answer, true
}

// batch makes a call with entries: with one alone, sometimes, the one that is for one. It returns for each entry the fault,
// empty for none.
func (c *soakClient) batch(operation, queue string, entries []soakEntry) (faults []string, ok bool) {
	faults = make([]string, len(entries))
	if len(entries) == 1 && c.random.IntN(2) == 0 {
		e := entries[0]
		in := map[string]any{}
		for name, value := range map[string]string{"MessageBody": e.Body, "MessageGroupId": e.Group, "MessageDeduplicationId": e.Dedup, "ReceiptHandle": e.Handle} {
			if value != "" {
				in[name] = value
			}
		}
		if e.Visibility != nil {
			in["VisibilityTimeout"] = *e.Visibility
		}
		answer, ok := c.do(operation, queue, in)
		if ok && answer.Status != http.StatusOK {
			faults[0] = answer.String()
		}
		return faults, ok
	}
	for i := range entries {
		entries[i].ID = strconv.Itoa(i)
	}
	answer, ok := c.do(operation+"Batch", queue, map[string]any{"Entries": entries})
	if !ok {
		return nil, false
	}
	var out struct{ Successful, Failed []soakEntry }
	if err := json.Unmarshal(answer.Body, &out); err != nil || answer.Status != http.StatusOK || len(out.Successful)+len(out.Failed) != len(entries) {
		c.book.complain("%sBatch was answered %s", operation, answer)
		return nil, false
	}
	for _, e := range out.Failed {
		i, err := strconv.Atoi(e.ID)
		if err != nil || i >= len(faults) {
			c.book.complain("%sBatch was answered the id %q", operation, e.ID)
			return nil, false
		}
		faults[i] = e.Message
	}
	return faults, true
}

// some is how many messages a client sends at once: often one.
func (c *soakClient) some() int {
	if c.random.IntN(2) == 0 {
		return 1
	}
	return 1 + c.random.IntN(10)
}

func (c *soakClient) sendStandard(queue string) bool {
	keys := c.book.sending(queue, "", c.some())
	return c.send(queue, keys)
}

// sendFIFO sends the next messages of one of the client's groups. Those whose answer was cut off are sent again as the same.
func (c *soakClient) sendFIFO(queue string) bool {
	group := fmt.Sprintf("%d-%d", c.number, c.random.IntN(2))
	return c.send(queue, c.book.sending(queue, group, c.some()))
}

func (c *soakClient) send(queue string, keys []soakKey) bool {
	entries := make([]soakEntry, len(keys))
	for i, k := range keys {
		entries[i] = soakEntry{Body: strconv.Itoa(k.number)}
		if isFIFO(queue) {
			entries[i].Group, entries[i].Dedup = k.group, fmt.Sprint(k.group, "-", k.number)
		}
	}
	faults, ok := c.batch("SendMessage", queue, entries)
	if !ok {
		return false
	}
	for _, fault := range faults {
		if fault != "" {
			c.book.complain("a send to %s was answered %s", queue, fault)
		}
	}
	c.book.sent(keys)
	return true
}

// receive receives and settles what came. Some of it is given back, some is kept for longer, and some is left to come again,
// unless it is not to be playful.
func (c *soakClient) receive(queue string, limit int, playful bool) bool {
	started := time.Now()
	answer, ok := c.do("ReceiveMessage", queue, map[string]any{
		"MaxNumberOfMessages": limit, "WaitTimeSeconds": 1, "MessageSystemAttributeNames": []string{"MessageGroupId", "ApproximateReceiveCount"},
	})
	if !ok {
		c.book.receiveLost(queue)
		return false
	}
	var out struct {
		Messages []struct {
			Body, ReceiptHandle string
			Attributes          struct{ MessageGroupId, ApproximateReceiveCount string }
		}
	}
	if err := json.Unmarshal(answer.Body, &out); err != nil || answer.Status != http.StatusOK {
		c.book.complain("a receive from %s was answered %s", queue, answer)
		return false
	}
	received := make([]soakReceived, len(out.Messages))
	for i, m := range out.Messages {
		number, err1 := strconv.Atoi(m.Body)
		count, err2 := strconv.Atoi(m.Attributes.ApproximateReceiveCount)
		if err1 != nil || err2 != nil {
			c.book.complain("received %+v", m)
			return false
		}
		received[i] = soakReceived{soakKey{queue, m.Attributes.MessageGroupId, number}, count, m.ReceiptHandle}
	}
	c.book.received(received, started)
	what := c.random.IntN(20)
	if !playful {
		what = 0
	}
	switch {
	case len(received) == 0 || what == 19:
		return true // they come again when their time is over
	case what == 18:
		return c.change(queue, received, 0)
	case what == 17:
		return c.change(queue, received, 1) && c.change(queue, received, 6)
	}
	return c.remove(queue, received)
}

func entriesOf(received []soakReceived, visibility *int) []soakEntry {
	entries := make([]soakEntry, len(received))
	for i := range received {
		entries[i] = soakEntry{Handle: received[i].handle, Visibility: visibility}
	}
	return entries
}

func (c *soakClient) change(queue string, received []soakReceived, seconds int) bool {
	c.book.releasing(received)
	faults, ok := c.batch("ChangeMessageVisibility", queue, entriesOf(received, &seconds))
	for _, fault := range faults {
		// On a machine so busy that the lease has run out.
		if fault != "" && !strings.Contains(fault, "Message does not exist or is not available for visibility timeout change.") {
			c.book.complain("a change of visibility on %s was answered %s", queue, fault)
		}
	}
	return ok
}

func (c *soakClient) remove(queue string, received []soakReceived) bool {
	c.book.deleting(received)
	faults, ok := c.batch("DeleteMessage", queue, entriesOf(received, nil))
	if !ok {
		return false
	}
	for i, fault := range faults {
		switch {
		case fault == "":
			c.book.deleted(received[i].soakKey)
		case isFIFO(queue) && strings.Contains(fault, "The receipt handle has expired."):
			c.book.notDeleted(received[i].soakKey)
		default:
			c.book.complain("a delete from %s was answered %s", queue, fault)
		}
	}
	return true
}

// soakDrain takes everything that is left. What is in flight comes again within the visibility timeout.
func soakDrain(t *testing.T, r *harness.Router, book *soakLedger) {
	t.Helper()
	round := newKillRound(-1)
	var running sync.WaitGroup
	for i := range 4 * len(soakQueues) {
		c := &soakClient{killRound: round, client: r.Client, book: book, number: i, random: rand.New(rand.NewPCG(0, 0))}
		running.Go(func() {
			for c.receive(soakQueues[i%len(soakQueues)], 10, false) {
			}
		})
	}
	harness.Until(t, "the queues to be empty", func() (bool, string) {
		var left harness.QueueStats
		for _, queue := range soakQueues {
			s := r.Stats(queue)
			left.Ready, left.Delayed, left.InFlight = left.Ready+s.Ready, left.Delayed+s.Delayed, left.InFlight+s.InFlight
		}
		return left == harness.QueueStats{}, fmt.Sprintf("%+v", left)
	})
	close(round.stop)
	running.Wait()
}
