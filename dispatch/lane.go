package dispatch

import (
	"math"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/time/rate"

	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// lane is what the dispatcher knows of one endpoint: its delivery queue, its definition and its limits. The Dispatcher's
// mu guards its fields, but for those set once.
type lane struct {
	id   queue.ID     // set once
	kind string       // set once
	name catalog.Name // set once

	spec *spec
	// gone says that the definition was deleted. disabled says why nothing is attempted, nil if something is.
	gone     bool
	disabled *Disabling

	// ready says that the queue may have something to receive, again that the watcher said so during a receive.
	ready, again bool
	receiving    bool
	// queued says that the lane is in the dispatcher's line of those that want to receive.
	queued bool
	// unwatched says that the watcher does not look at the queue, which is ready and blocked for long.
	unwatched bool

	// running counts attempts, from the receive to their end; waiting counts deliveries that are leased but come after
	// another one of their group, settling those that were attempted and still leased.
	running, waiting, settling int
	// buffer has chains that are leased and wait for a slot; see buffer.go. Its messages are counted in waiting.
	buffer [][]queue.Message
	// pace is about how long its attempts take.
	pace time.Duration
	// window is how many attempts may run now; it grows from 1 to the endpoint's MaxInFlight.
	window int

	limiter *rate.Limiter // nil for no limit
	breaker breaker
	// resume is when the lane may receive again, zero for now; vain is the pause after the last receive in vain.
	resume time.Time
	vain   time.Duration
	// alarm is the earliest time at which the lane is looked at again by itself, zero for none.
	alarm time.Time

	lastFailure Failure
	delivered   int64
	failed      int64
}

// Failure is how an attempt failed.
type Failure struct {
	At     time.Time           `json:"at,omitzero"`
	Status int                 `json:"status,omitempty"`
	Class  endpoint.ErrorClass `json:"class,omitempty"`
	Reason string              `json:"reason,omitempty"`
}

// spec is an endpoint's definition, made ready for use. It never changes.
type spec struct {
	endpoint endpoint.Endpoint
	request  endpoint.Request // without what differs between deliveries
	shownURL string           // without credentials
	lease    time.Duration
	limit    int
	sender   Sender // nil for what is called
	// For an API destination: what calls it, its ARN, and which state of its connection it was made with.
	caller     *destination.Caller
	arn        string
	connection connectionState
}

const (
	// leaseMargin is for what comes before and after an attempt within its lease.
	leaseMargin = 10 * time.Second
	// senderTimeout and senderLimit are for topics and buses.
	senderTimeout = 30 * time.Second
	senderLimit   = 64
)

func newSpec(e endpoint.Endpoint, name string) (*spec, error) {
	if e.Name == "" {
		e.Name = name
	}
	e = e.WithDefaults()
	signer, err := endpoint.NewSigner(e.Sign)
	if err != nil {
		return nil, err
	}
	s := &spec{endpoint: e, request: e.Request(), lease: e.Timeout.Std() + leaseMargin, limit: e.MaxInFlight}
	s.request.Signer = signer
	s.shownURL = s.request.URL
	if u, err := url.Parse(s.shownURL); err == nil && u.User != nil {
		u.User = nil
		s.shownURL = u.String()
	}
	return s, nil
}

func senderSpec(s Sender) *spec {
	return &spec{lease: senderTimeout + leaseMargin, limit: senderLimit, sender: s}
}

// shownHeader returns the headers of a request with what is secret in them replaced.
func (s *spec) shownHeader(sent http.Header) http.Header {
	if _, authorized := sent["Authorization"]; !authorized && !s.setsHeaders() {
		return sent
	}
	shown := make(http.Header, len(sent))
	for name, values := range sent {
		if _, own := s.request.Header[name]; (own && name != "Content-Type") || name == "Authorization" {
			values = []string{"***"}
		}
		shown[name] = values
	}
	return shown
}

// setsHeaders says whether the definition has headers of its own that are not shown.
func (s *spec) setsHeaders() bool {
	for name := range s.request.Header {
		if name != "Content-Type" {
			return true
		}
	}
	return false
}

// setSpec gives the lane a definition, new or changed.
func (l *lane) setSpec(s *spec) {
	moved := l.spec != nil && (l.spec.endpoint.URL != s.endpoint.URL || l.spec.connection != s.connection)
	l.spec = s
	if l.window < 1 || moved {
		l.window = 1
	}
	l.window = min(l.window, s.limit)
	if moved {
		l.breaker = breaker{}
		l.resume = time.Time{}
	}
	r := s.endpoint.Rate
	switch {
	case r.Unlimited():
		l.limiter = nil
	case l.limiter == nil:
		l.limiter = rate.NewLimiter(rate.Limit(r.PerSecond()), r.Burst())
	case l.limiter.Limit() != rate.Limit(r.PerSecond()):
		l.limiter.SetLimit(rate.Limit(r.PerSecond()))
		l.limiter.SetBurst(r.Burst())
	}
}

// room returns how many messages the lane may receive now by its own limits. If there are none, until is when there may be,
// or zero if something has to happen first.
func (l *lane) room(now time.Time) (n int, until time.Time) {
	if l.gone || l.disabled != nil || l.receiving || !l.ready || l.spec == nil {
		return 0, time.Time{}
	}
	if now.Before(l.resume) {
		return 0, l.resume
	}
	n = l.window - l.running - len(l.buffer)
	if l.breaker.open {
		if l.running > 0 {
			return 0, time.Time{}
		}
		if now.Before(l.breaker.until) {
			return 0, l.breaker.until
		}
		n = 1
	}
	if n > 0 && l.limiter != nil {
		tokens := l.limiter.TokensAt(now)
		if tokens < 1 {
			wait := time.Duration(math.Ceil((1 - tokens) / float64(l.limiter.Limit()) * float64(time.Second)))
			return 0, now.Add(max(wait, time.Millisecond))
		}
		n = min(n, int(tokens))
	}
	return max(n, 0), time.Time{}
}

// settlingLimit is how many deliveries may be on their way into the store without holding a slot: enough that attempts need
// not wait for the disk, and bounded if the disk does not keep up.
func (s *spec) settlingLimit() int { return max(s.limit, 8) }

const (
	vainMin = 5 * time.Millisecond
	vainMax = 250 * time.Millisecond
)

// pauseVain makes the lane wait after a receive in vain, longer each time.
func (l *lane) pauseVain(now time.Time) {
	l.vain = min(max(2*l.vain, vainMin), vainMax)
	l.resume = now.Add(l.vain)
}
