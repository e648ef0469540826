package topic

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Publish is a request to publish messages to a topic.
//
// A Token makes the call idempotent. The IDs of its messages come from the token and their contents, so a repeat gets the
// same answer, with Duplicate set, and delivers nothing; only the subscriptions that were deleted meanwhile are missing from
// Matched. With other messages the same token is refused (queue.ErrTokenReused). A publish that matched no subscription is
// not remembered: there is nothing that a repeat could do twice.
//
// A DedupID does the same for one message, for five minutes. Such a message is a commit of its own, between those before and
// after it: when Publish fails, those before it may have been published. Under a Token, DedupIDs have no effect.
//
// On a FIFO topic every message has a Group and a DedupID, if only the one that its body makes, and is a commit of its own;
// a Token has no effect. A repeat is what has the same DedupID, whatever else it has, also if the message matched nothing. The
// messages of a group are numbered, and delivered, in the order in which they were published.
type Publish struct {
	Topic catalog.Name
	// Messages, 1 to 1000.
	Messages []Message
	// Token is any text. Window, up to 7d, is how long it is remembered; zero means 24h.
	Token  string
	Window time.Duration
	// Hops counts the topics and buses that the messages have passed through, Origin is the event that was passed on.
	Hops   int
	Origin string

	// passedOn is the delivery by which an event came here, the only message; empty for a publish from outside.
	passedOn string
}

// Published is the answer for one message.
type Published struct {
	// ID is the message's, the same for all subscriptions. For a duplicate, that of the message accepted first.
	ID string `json:"id"`
	// Sequence is the number of a FIFO topic's message, 20 decimal digits. That of a message of the topic whose publish begins when
	// this one has returned is higher, on whichever node; of a group's messages that one node takes, each is higher than the one
	// before it in the receivers. Two nodes that take messages of one group at the same time may number them in another order than
	// that in which they are delivered.
	Sequence string `json:"sequence,omitempty"`
	// Matched has the IDs of the subscriptions whose filter policy it passed, in their order. Never nil.
	Matched []string `json:"matched"`
	// Duplicate says that the message was published before and nothing was done.
	Duplicate bool `json:"duplicate,omitempty"`
}

// Publish delivers messages to the subscriptions of a topic that they match, durably: when it returns without an error, each
// delivery is in its queue, in the order of the messages. All of it happens, or nothing, but for messages with a DedupID; see
// [Publish]. What can not be delivered (the queue or function is gone, the message is too large for the queue) is in a
// dead-letter queue with the reason.
//
// Errors: [ErrNotFound], an [*InvalidError] with a field such as "messages[3].subject", queue.ErrTokenReused, and the store's
// (queue.ErrStoreFull).
func (t *Topics) Publish(ctx context.Context, p Publish) ([]Published, error) {
	topic, err := t.topic(ctx, p.Topic)
	if err != nil {
		return nil, fmt.Errorf("publishing to topic %s: %w", p.Topic.Name, err)
	}
	if err := p.validate(&topic.def); err != nil {
		return nil, err
	}
	all := make([]Published, 0, len(p.Messages))
	for first, next := 0, 0; first < len(p.Messages); first = next {
		next = p.commitEnd(first, topic.def.FIFO)
		published, err := t.commit(ctx, &p, first, next)
		if err != nil {
			return nil, fmt.Errorf("publishing to topic %s: %w", p.Topic.Name, err)
		}
		all = append(all, published...)
	}
	return all, nil
}

func (p *Publish) validate(of *Topic) error {
	if len(p.Messages) == 0 || len(p.Messages) > MaxMessages {
		return &InvalidError{Field: "messages", Reason: fmt.Sprintf("must be 1 to %d", MaxMessages)}
	}
	if p.Window < 0 || p.Window > MaxWindow || p.Window > 0 && p.Window < time.Millisecond {
		return &InvalidError{Field: "window", Reason: "must be between 1ms and 7d, or 0 for 24h"}
	}
	for i := range p.Messages {
		if err := p.Messages[i].validate(of, p.passedOn != ""); err != nil {
			err.Field = fmt.Sprintf("messages[%d].%s", i, err.Field)
			return err
		}
	}
	return nil
}

// commitEnd returns the index after the last message that is committed together with the one at first.
func (p *Publish) commitEnd(first int, fifo bool) int {
	if fifo {
		return first + 1
	}
	if p.Token != "" {
		return len(p.Messages)
	}
	if p.Messages[first].DedupID != "" {
		return first + 1
	}
	next := first + 1
	for next < len(p.Messages) && p.Messages[next].DedupID == "" {
		next++
	}
	return next
}

// commit publishes the messages from first to before next, all of them or none.
func (t *Topics) commit(ctx context.Context, p *Publish, first, next int) ([]Published, error) {
	for attempt := 0; ; attempt++ {
		published, err := t.attempt(ctx, p, first, next)
		switch {
		case err == nil:
			return published, nil
		case errors.Is(err, queue.ErrDropped) && attempt < 3:
			// A queue was deleted since it was looked up: again, with what is there now.
		case errors.Is(err, errNoDeadLetters) && attempt < 3:
			if _, err := t.broker.EnsureDeadLetters(context.WithoutCancel(ctx), p.Topic.Account, p.Topic.Region); err != nil {
				return nil, err
			}
		case errors.Is(err, queue.ErrTokenReused) && p.Token == "":
			return nil, fmt.Errorf("messages[%d].dedup_id was used for another message: %w", first, err)
		default:
			return nil, err
		}
	}
}

// attempt is a commit by the definitions as they are.
func (t *Topics) attempt(ctx context.Context, p *Publish, first, next int) ([]Published, error) {
	topic, err := t.topic(ctx, p.Topic)
	if err == nil && topic.def.FIFO {
		var passage *catalog.Passage
		if topic, passage, err = t.enter(ctx, p.Topic); passage != nil {
			defer t.publishing.Leave(passage)
		}
	}
	if err != nil {
		return nil, err
	}
	c := commit{topics: t, topic: topic, hops: p.Hops, origin: p.Origin, passed: p.passedOn, passing: topic.def.FIFO}
	c.once(p, &p.Messages[first])
	err = c.run(ctx, p.Messages[first:next])
	return c.published, err
}

// once says by which token the commit happens once, if any.
func (c *commit) once(p *Publish, first *Message) {
	switch {
	case c.topic.def.FIFO:
		c.space, c.token, c.window = "fifo", dedupToken(&c.topic.def, first), queue.DedupWindow
		return
	case p.Token != "":
		c.space, c.token, c.window = "publish", p.Token, p.Window
		if p.Window == 0 {
			c.window = DefaultWindow
		}
	case first.DedupID != "":
		c.space, c.token, c.window = "dedup", first.DedupID, queue.DedupWindow
	}
	if p.passedOn != "" {
		c.space = "passed-on"
	}
}

// commit is what is appended at once.
type commit struct {
	topics *Topics
	topic  *topicState
	now    time.Time
	// passing says that other nodes' commits of definitions may wait for this one.
	passing bool
	// space keeps tokens from outside, deduplication IDs and deliveries apart; token is empty for none.
	space  string
	token  string
	window time.Duration
	hops   int
	origin string
	passed string

	entries   []queue.Entry
	bytes     int // of the entries
	published []Published
	added     int    // how many messages the entries are of
	digest    []byte // of the messages, in order; with a token
}

func (c *commit) run(ctx context.Context, messages []Message) error {
	if c.topic.def.FIFO {
		// One at a time in a group, from the number to the commit, so that both have the same order.
		unlock, err := c.topics.groups.lock(ctx, c.topic.name.String()+"\x00"+messages[0].Group)
		if err != nil {
			return err
		}
		defer unlock()
	}
	c.now = c.topics.broker.Now()
	c.published = make([]Published, 0, len(messages))
	all := make([]outgoing, len(messages))
	for i := range messages {
		if err := c.begin(ctx, &all[i], &messages[i]); err != nil {
			return err
		}
	}
	if err := c.sign(ctx, all); err != nil {
		return err
	}
	for i := range all {
		if err := c.add(ctx, &all[i]); err != nil {
			return err
		}
	}
	return c.append(ctx)
}

// identify gives a message its ID.
func (c *commit) identify(ctx context.Context, m *Message) (queue.MessageID, error) {
	if c.topic.def.FIFO {
		number, err := c.number(ctx)
		return sequenceID(number), err
	}
	if c.token == "" {
		return queue.NewMessageID(), nil
	}
	digest := m.digest()
	c.digest = append(c.digest, digest[:]...)
	if c.passed != "" {
		return PassedOnID(c.passed), nil
	}
	return tokenID(c.topic.id, c.space+"/"+c.token, len(c.published), digest), nil
}

// begin gives a message its ID and filters it.
func (c *commit) begin(ctx context.Context, o *outgoing, m *Message) (err error) {
	if o.uuid, err = c.identify(ctx, m); err != nil {
		return err
	}
	o.commit, o.message = c, m
	o.id, o.matched = o.uuid.String(), c.topic.match(m)
	if c.topic.def.FIFO {
		o.sequence = sequenceText(sequenceOf(o.uuid))
		o.matched, o.held = c.live(o.matched)
	}
	c.published = append(c.published, Published{ID: o.id, Sequence: o.sequence, Matched: make([]string, 0, len(o.matched))})
	return nil
}

// add adds the deliveries of a message, and before them its entry in the log of a FIFO topic.
func (c *commit) add(ctx context.Context, o *outgoing) error {
	if c.entries == nil {
		c.entries = make([]queue.Entry, 0, len(o.matched)+1)
	}
	if c.topic.def.FIFO {
		entry, err := o.logEntry()
		if err != nil {
			return err
		}
		c.entries = append(c.entries, entry)
	}
	published := &c.published[c.added]
	for _, s := range o.matched {
		entry, err := o.deliver(ctx, s)
		if err != nil {
			return err
		}
		if c.bytes += entry.Message.Size(); c.bytes > MaxFanOut {
			return &InvalidError{Field: "messages", Reason: fmt.Sprintf("make more than %d bytes of deliveries to the subscriptions of the topic; publish fewer at a time", MaxFanOut)}
		}
		c.entries = append(c.entries, entry)
		published.Matched = append(published.Matched, s.id)
	}
	c.added++
	return nil
}

// live returns those of the subscriptions that matched that get a message now, and the IDs of those for which it is held.
func (c *commit) live(matched []*subscription) (now []*subscription, held []string) {
	own := false
	for i, s := range matched {
		kept := s.feed != nil && !s.feed.Handover
		if kept {
			held = append(held, s.id)
		}
		if kept || !s.until.IsZero() && !c.now.Before(s.until) {
			if !own {
				now, own = slices.Clone(matched[:i]), true
			}
		} else if own {
			now = append(now, s)
		}
	}
	if !own {
		return matched, nil
	}
	return now, held
}

// append makes the deliveries durable. Where no subscription matched there are none.
func (c *commit) append(ctx context.Context) error {
	if len(c.entries) == 0 {
		return nil
	}
	req := queue.AppendRequest{Now: c.now, Entries: c.entries}
	if c.token != "" {
		token := sha256.Sum256([]byte(c.token))
		req.Token = fmt.Sprintf("topic/%d/%s/%s", c.topic.id, c.space, hex.EncodeToString(token[:]))
		req.TokenWindow = c.window
		if !c.topic.def.FIFO { // where another message under the same ID is a repeat
			digest := sha256.Sum256(c.digest)
			req.Digest = string(digest[:])
		}
	}
	res, err := c.topics.broker.Store().Append(ctx, req)
	if err == nil && res.Repeated {
		c.repeated(res.Results)
	}
	return err
}

// repeated puts the first call's answers in place of ours. The IDs are the same, and so would be those of the deliveries:
// these tell which of the subscriptions that exist now matched then.
func (c *commit) repeated(results []queue.Appended) {
	if c.topic.def.FIFO { // the first result is that of the log
		c.published[0].ID, c.published[0].Sequence = results[0].ID.String(), sequenceText(sequenceOf(results[0].ID))
	}
	first := make(map[queue.MessageID]bool, len(results))
	for _, r := range results {
		first[r.ID] = true
	}
	for i := range c.published {
		p := &c.published[i]
		p.Duplicate, p.Matched = true, []string{}
		for _, s := range c.topic.subs {
			if s != nil && first[deliveryID(p.ID, c.topic.name.Name, s.id)] {
				p.Matched = append(p.Matched, s.id)
			}
		}
		slices.Sort(p.Matched)
	}
}
