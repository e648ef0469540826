package endpoint

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/signalbox-mq/signalbox/duration"
)

// Defaults and limits of a RetryPolicy.
const (
	DefaultJitter            = 0.2
	DefaultRetryAfterMax     = time.Hour
	DefaultPermanentAttempts = 3
	DefaultFactor            = 2.0
	MaxAttempts              = 1000
	MaxDelay                 = 30 * duration.Day // also for max_age and retry_after_max
)

// DefaultSchedule is the delays before the second, third, … tenth attempt: 5s, 30s, 2m, 10m, 30m, 2h, 5h, 10h, 24h.
func DefaultSchedule() []duration.Duration {
	of := duration.Of
	return []duration.Duration{
		of(5 * time.Second), of(30 * time.Second), of(2 * time.Minute), of(10 * time.Minute), of(30 * time.Minute),
		of(2 * time.Hour), of(5 * time.Hour), of(10 * time.Hour), of(24 * time.Hour),
	}
}

// DefaultPermanentStatuses are the statuses that a repetition seldom changes: 400, 401, 403, 404, 405, 406, 411, 413, 414, 415,
// 422, 431, 501, 505. They get a short budget of attempts rather than none, because a wrong deployment is often put right in seconds.
func DefaultPermanentStatuses() []int {
	return []int{400, 401, 403, 404, 405, 406, 411, 413, 414, 415, 422, 431, 501, 505}
}

// RetryPolicy says when a failed delivery is tried again and when it is given up, as data. It has two forms: a list of
// delays (Schedule), or Exponential; with neither, DefaultSchedule. The zero value is the default policy.
type RetryPolicy struct {
	// Schedule has the delay before each further attempt, so attempts = 1 + its entries. nil means not set; empty means no retry.
	Schedule []duration.Duration `json:"schedule,omitzero" yaml:"schedule"`
	// Exponential is the other form; not both.
	Exponential *Exponential `json:"exponential,omitempty" yaml:"exponential"`
	// Jitter, 0 to 1, moves each delay at random by up to that part of it, either way. nil means 0.2.
	Jitter *float64 `json:"jitter,omitempty" yaml:"jitter"`
	// MaxAge ends the retries early: no attempt starts later than this after the delivery's first failure. 0 means no such limit.
	MaxAge duration.Duration `json:"max_age,omitzero" yaml:"max_age"`
	// RetryAfterMax caps what an endpoint may ask for by Retry-After. 0 means 1h.
	RetryAfterMax duration.Duration `json:"retry_after_max,omitzero" yaml:"retry_after_max"`
	// PermanentAttempts is how many permanent failures in a row end a delivery. 0 means 3; 1 means at once.
	PermanentAttempts int `json:"permanent_attempts,omitempty" yaml:"permanent_attempts"`
	// PermanentStatuses are the HTTP statuses (300 to 599) that count as permanent; nil means DefaultPermanentStatuses, empty means none. With
	// 410 in the list, 410 is permanent for the delivery but does not disable the endpoint.
	PermanentStatuses []int `json:"permanent_statuses,omitzero" yaml:"permanent_statuses"`
	// EventBridge has the policy mean what EventBridge's do; see EventBridgeRetry, which sets it.
	EventBridge bool `json:"eventbridge,omitempty" yaml:"-"`
	// DeliveredBelow500 has any answer from 200 to 499 but 429 count as delivered. It is for subscriptions of SNS, whose documentation
	// says so in one place, and in another that 4xx is a failure.
	DeliveredBelow500 bool `json:"delivered_below_500,omitempty" yaml:"-"`
}

// Exponential is a schedule by formula: the delay after attempt n is Min × Factor^(n-1), at most Max.
type Exponential struct {
	Min      duration.Duration `json:"min" yaml:"min"`                 // above 0
	Max      duration.Duration `json:"max" yaml:"max"`                 // at least Min
	Factor   float64           `json:"factor,omitempty" yaml:"factor"` // at least 1; 0 means 2
	Attempts int               `json:"attempts" yaml:"attempts"`       // in all, the first included; 1 to 1000
}

// GiveUp says why there is no further attempt.
type GiveUp string

const (
	GiveUpNone      GiveUp = ""
	GiveUpAttempts  GiveUp = "attempts"  // the schedule is used up
	GiveUpAge       GiveUp = "max_age"   // the next attempt would start after MaxAge
	GiveUpPermanent GiveUp = "permanent" // PermanentAttempts permanent failures in a row
	GiveUpDisabled  GiveUp = "disabled"  // the endpoint said that it is gone
	GiveUpAsked     GiveUp = "asked"     // the endpoint asked for no retry; see EventBridgeRetry
)

// WithDefaults returns a copy in which everything that is not set has its default.
func (p RetryPolicy) WithDefaults() RetryPolicy {
	if p.Schedule == nil && p.Exponential == nil {
		p.Schedule = DefaultSchedule()
	}
	if p.Exponential != nil && p.Exponential.Factor == 0 {
		e := *p.Exponential
		e.Factor = DefaultFactor
		p.Exponential = &e
	}
	if p.Jitter == nil {
		p.Jitter = new(DefaultJitter)
	}
	if p.RetryAfterMax == 0 {
		p.RetryAfterMax = duration.Of(DefaultRetryAfterMax)
	}
	if p.PermanentAttempts == 0 {
		p.PermanentAttempts = DefaultPermanentAttempts
	}
	if p.PermanentStatuses == nil && !p.EventBridge {
		p.PermanentStatuses = DefaultPermanentStatuses()
	}
	return p
}

// Validate returns nil or every *InvalidError joined, with fields as "schedule[2]" or "exponential.min".
func (p RetryPolicy) Validate() error {
	var ps problems
	p.validate(&ps, "")
	return ps.join()
}

func (p RetryPolicy) validate(ps *problems, at string) {
	tooLong := func(field string, d duration.Duration) {
		if d < 0 || d.Std() > MaxDelay {
			ps.add(at+field, "%s is out of range; at most %s", d, duration.Of(MaxDelay))
		}
	}
	if p.Schedule != nil && p.Exponential != nil {
		ps.add(at+"exponential", "and schedule cannot both be set")
	}
	if len(p.Schedule) >= MaxAttempts {
		ps.add(at+"schedule", "has %d entries; the maximum is %d", len(p.Schedule), MaxAttempts-1)
	}
	for i, d := range p.Schedule {
		tooLong(fmt.Sprintf("schedule[%d]", i), d)
	}
	if e := p.Exponential; e != nil {
		if e.Min <= 0 {
			ps.add(at+"exponential.min", "must be above 0")
		}
		if e.Max < e.Min {
			ps.add(at+"exponential.max", "%s is below min %s", e.Max, e.Min)
		}
		tooLong("exponential.max", e.Max)
		if e.Factor != 0 && !(e.Factor >= 1 && e.Factor <= 1000) {
			ps.add(at+"exponential.factor", "%v is out of range; 1 to 1000, default 2", e.Factor)
		}
		if e.Attempts < 1 || e.Attempts > MaxAttempts {
			ps.add(at+"exponential.attempts", "%d is out of range; 1 to %d, the first attempt included", e.Attempts, MaxAttempts)
		}
	}
	if j := p.Jitter; j != nil && !(*j >= 0 && *j <= 1) {
		ps.add(at+"jitter", "%v is out of range; 0 to 1, default %v", *j, DefaultJitter)
	}
	tooLong("max_age", p.MaxAge)
	tooLong("retry_after_max", p.RetryAfterMax)
	if p.PermanentAttempts < 0 || p.PermanentAttempts > MaxAttempts {
		ps.add(at+"permanent_attempts", "%d is out of range; 1 to %d, default %d", p.PermanentAttempts, MaxAttempts, DefaultPermanentAttempts)
	}
	for i, s := range p.PermanentStatuses {
		if s < 300 || s > 599 {
			ps.add(fmt.Sprintf("%spermanent_statuses[%d]", at, i), "%d is no status of a failure; 300 to 599", s)
		}
	}
}

// Attempts is how many attempts the schedule allows, the first included.
func (p RetryPolicy) Attempts() int {
	switch {
	case p.Schedule != nil:
		return 1 + len(p.Schedule)
	case p.Exponential != nil:
		return max(1, p.Exponential.Attempts)
	}
	return 1 + len(defaultSchedule)
}

// defaultSchedule saves Next the allocation of DefaultSchedule. Never written to.
var defaultSchedule = DefaultSchedule()

// Delays is the timetable: the delay before each further attempt, without jitter and Retry-After. The caller owns the slice.
func (p RetryPolicy) Delays() []time.Duration {
	all := make([]time.Duration, p.Attempts()-1)
	for i := range all {
		all[i] = p.base(i + 1)
	}
	return all
}

// base is the delay after failed attempt n, 1 ≤ n < Attempts(), before jitter.
func (p RetryPolicy) base(n int) time.Duration {
	switch {
	case p.Schedule != nil:
		return max(0, p.Schedule[n-1].Std())
	case p.Exponential != nil:
		e := p.Exponential
		factor := e.Factor
		if factor == 0 {
			factor = DefaultFactor
		}
		d := float64(e.Min) * math.Pow(factor, float64(n-1))
		if !(d < float64(e.Max)) { // also catches +Inf and NaN
			return max(0, e.Max.Std())
		}
		return max(0, time.Duration(d))
	}
	return defaultSchedule[n-1].Std()
}

func (p RetryPolicy) jitter() float64 {
	if p.Jitter == nil {
		return DefaultJitter
	}
	return min(max(*p.Jitter, 0), 1)
}

// Next says whether and when a delivery is tried again, after its attempt number attempt (1 for the first; less counts as 1)
// has failed. It is pure: time comes as now, chance as rnd, which returns a number in [0,1); nil means no jitter.
//
// The delay counts from now. It is the schedule's, moved by the jitter, or retryAfter capped at RetryAfterMax if that is
// longer: never earlier than the endpoint asked (up to the cap), and never earlier than the schedule minus its jitter. A
// retryAfter of 0 or less means that the endpoint did not ask, but see EventBridgeRetry. first is the time of the delivery's first failure, the
// zero time meaning now. When ok is false, why says which limit ended it, and delay is 0.
func (p RetryPolicy) Next(attempt int, first, now time.Time, retryAfter time.Duration, rnd func() float64) (delay time.Duration, ok bool, why GiveUp) {
	attempt = max(attempt, 1)
	if attempt >= p.Attempts() {
		return 0, false, GiveUpAttempts
	}
	if p.EventBridge && retryAfter < 0 {
		return 0, false, GiveUpAsked
	}
	delay = p.base(attempt)
	if j := p.jitter(); j > 0 && rnd != nil {
		delay = time.Duration(float64(delay) * (1 + j*(2*min(max(rnd(), 0), 1)-1)))
	}
	most := p.RetryAfterMax.Std()
	if most == 0 {
		most = DefaultRetryAfterMax
	}
	delay = max(delay, min(retryAfter, most))
	if p.MaxAge > 0 && !first.IsZero() && now.Add(delay).Sub(first) > p.MaxAge.Std() {
		return 0, false, GiveUpAge
	}
	if p.MaxAge > 0 && first.IsZero() && delay > p.MaxAge.Std() {
		return 0, false, GiveUpAge
	}
	return delay, true, GiveUpNone
}

func (p RetryPolicy) permanentStatus(status int) bool {
	switch {
	case p.PermanentStatuses != nil:
		return slices.Contains(p.PermanentStatuses, status)
	case p.EventBridge:
		return !eventBridgeRetries(status)
	}
	return slices.Contains(defaultPermanent, status)
}

// defaultPermanent saves Judge the allocation of DefaultPermanentStatuses. Never written to.
var defaultPermanent = DefaultPermanentStatuses()
