package endpoint

import (
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Kind is what an attempt's result means for the delivery.
type Kind string

const (
	// Delivered: the endpoint has it.
	Delivered Kind = "delivered"
	// Retry: a failure that time may heal; the whole schedule applies.
	Retry Kind = "retry"
	// Permanent: a failure that a repetition seldom heals; a short budget applies.
	Permanent Kind = "permanent"
	// Disable: the endpoint is gone (410). The delivery is given up and the endpoint should be disabled.
	Disable Kind = "disable"
	// Interrupted: we broke the attempt off ourselves. It does not count.
	Interrupted Kind = "interrupted"
)

// Verdict is the judgement of one attempt. Reason is a sentence for people: "answered 302 Found to https://…; redirects are not
// followed". It is at most about 2.5 KiB and has no secrets but what the endpoint itself put into Location.
type Verdict struct {
	Kind   Kind
	Class  ErrorClass
	Reason string
}

// Judge says what a result means, by its error class, its status and the policy's lists of statuses. It is pure.
//
//	none (2xx)                                                     delivered
//	http, redirect: below 500 but 429, by DeliveredBelow500        delivered, with a reason that says so
//	http, redirect: a status of PermanentStatuses                  permanent
//	http: 410                                                      disable
//	http, redirect: any other                                      retry
//	egress, request                                                permanent
//	protocol: an answer without a final status, by EventBridgeRetry  permanent
//	interrupted                                                    interrupted
//	dns, refused, unreachable, reset, timeout, tls, protocol, body, function, authorization, local     retry
//
// DNS and connection errors are retried like any other: names and hosts come back. A class that is not of the set is retried.
func Judge(r Result, p RetryPolicy) Verdict {
	v := Verdict{Kind: judgeKind(r, p), Class: r.Class, Reason: r.Reason()}
	if v.Kind == Delivered && r.Class != ClassNone {
		v.Reason += "; here 200 to 499 counts as delivered"
	}
	return v
}

func judgeKind(r Result, p RetryPolicy) Kind {
	switch r.Class {
	case ClassNone:
		return Delivered
	case ClassInterrupted:
		return Interrupted
	case ClassEgress, ClassRequest:
		return Permanent
	case ClassProtocol:
		if p.EventBridge && r.Status != 0 {
			return Permanent
		}
	case ClassHTTP, ClassRedirect:
		switch {
		case p.DeliveredBelow500 && r.Status < 500 && r.Status != http.StatusTooManyRequests:
			return Delivered
		case p.permanentStatus(r.Status):
			return Permanent
		case r.Status == http.StatusGone && !p.EventBridge:
			return Disable
		}
	}
	return Retry
}

// Classify is the class of a complete answer, by status and headers. It is pure. A final status below 200 (101 to a request that
// asked for no upgrade) or above 599 is a breach of the protocol.
func Classify(status int, header http.Header, format Format) ErrorClass {
	switch {
	case status < 200 || status > 599:
		return ClassProtocol
	case status < 300:
		if format == FormatLambda && header.Get(LambdaFunctionError) != "" {
			return ClassFunction
		}
		return ClassNone
	case status < 400:
		return ClassRedirect
	}
	return ClassHTTP
}

// History is what must be remembered of a delivery between its attempts. The zero value is a new delivery's.
type History struct {
	Attempts  int       `json:"attempts"`               // attempts that ended and count
	Permanent int       `json:"permanent,omitempty"`    // how many of the last ones in a row failed permanently
	First     time.Time `json:"first_failure,omitzero"` // when the first one failed
}

// Action is what to do with the delivery after an attempt.
type Action string

const (
	ActionDone    Action = "done"    // acknowledge it
	ActionRetry   Action = "retry"   // release it for Step.Delay, with Step.History
	ActionGiveUp  Action = "give-up" // move it to the dead-letter queue; Step.GiveUp says why
	ActionRelease Action = "release" // give the lease back unchanged: the attempt does not count
)

// Step is the decision after one attempt.
type Step struct {
	Verdict Verdict
	Action  Action
	Delay   time.Duration // with ActionRetry: from now until the next attempt
	GiveUp  GiveUp        // with ActionGiveUp: why
	History History       // the delivery's history including this attempt
}

// Decide judges a result and applies the policy: what happens to the delivery now. It is pure; h is the history before this
// attempt, now when it ended, rnd as in RetryPolicy.Next. The endpoint is to be disabled when Verdict.Kind is Disable.
func Decide(r Result, p RetryPolicy, h History, now time.Time, rnd func() float64) Step {
	s := Step{Verdict: Judge(r, p), History: h}
	if s.Verdict.Kind == Interrupted {
		s.Action = ActionRelease
		return s
	}
	s.History.Attempts = max(h.Attempts, 0) + 1
	if s.Verdict.Kind == Delivered {
		s.Action = ActionDone
		return s
	}
	if h.First.IsZero() {
		s.History.First = now
	}
	if s.Verdict.Kind == Permanent {
		s.History.Permanent++
	} else {
		s.History.Permanent = 0
	}
	budget := p.PermanentAttempts
	if budget == 0 {
		budget = DefaultPermanentAttempts
	}
	switch {
	case s.Verdict.Kind == Disable:
		s.Action, s.GiveUp = ActionGiveUp, GiveUpDisabled
		return s
	case s.Verdict.Kind == Permanent && s.History.Permanent >= budget:
		s.Action, s.GiveUp = ActionGiveUp, GiveUpPermanent
		return s
	}
	delay, ok, why := p.Next(s.History.Attempts, s.History.First, now, r.RetryAfter, rnd)
	if !ok {
		s.Action, s.GiveUp = ActionGiveUp, why
		return s
	}
	s.Action, s.Delay = ActionRetry, delay
	return s
}

// maxLocation is how much of a Location a reason shows.
const maxLocation = 2 << 10

// Reason says in one sentence what came of the attempt. It cuts what is long: whoever replaces secrets in a result does so before, for
// half a secret is not found.
func (r Result) Reason() string {
	answered := func() string {
		said := "answered " + strconv.Itoa(r.Status)
		if text := http.StatusText(r.Status); text != "" {
			said += " " + text
		}
		return said
	}
	cause := func(what string) string {
		if r.Err == nil {
			return what
		}
		return what + ": " + clip(r.Err.Error(), 512)
	}
	switch r.Class {
	case ClassNone, ClassHTTP:
		if r.Status == 0 { // not over HTTP: a topic or a bus
			return "passed on"
		}
		return answered()
	case ClassRedirect:
		if r.Location == "" {
			return answered() + "; redirects are not followed"
		}
		return answered() + " to " + clip(r.Location, maxLocation) + "; redirects are not followed"
	case ClassFunction:
		return "the function failed (" + LambdaFunctionError + ": " + clip(r.Header.Get(LambdaFunctionError), 64) + ")"
	case ClassBody:
		return cause(answered() + ", but its body was cut off")
	case ClassTimeout:
		if r.Status != 0 {
			return cause(answered() + ", but its body did not end in time")
		}
		return cause("no answer in time")
	case ClassDNS:
		return cause("the host name did not resolve")
	case ClassRefused:
		return cause("connection refused")
	case ClassUnreachable:
		return cause("the host cannot be reached")
	case ClassReset:
		return cause("the connection was closed without an answer")
	case ClassTLS:
		return cause("the TLS handshake failed")
	case ClassEgress:
		return cause("the address may not be called")
	case ClassProtocol:
		if r.Status != 0 {
			return cause(answered() + ", which is no final status")
		}
		return cause("the answer is not valid HTTP")
	case ClassRequest:
		return cause("the request could not be built")
	case ClassAuthorization:
		return cause("the call is not authorized")
	case ClassLocal:
		return cause("this machine is out of resources")
	case ClassInterrupted:
		return cause("broken off by this side")
	}
	return cause(string(r.Class))
}

// clip shortens a text to at most n bytes and a mark, without cutting a character, and makes it fit to show and to store: control
// characters become spaces, and what is not UTF-8 becomes "?".
func clip(s string, n int) string {
	mark := ""
	if len(s) > n {
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s, mark = s[:n], "…"
	}
	s = strings.ToValidUTF8(s, "?")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	return s + mark
}
