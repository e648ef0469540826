package endpoint

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// MaxRate is the highest count a Rate may have, per whatever unit.
const MaxRate = 1_000_000

// Rate is a limit on attempts over time, such as 100 per second. The zero value means no limit. It reads and writes as
// text: "100/s", "30/m", "500/h"; the zero value as "".
type Rate struct {
	Count int           // attempts, 1 to MaxRate
	Per   time.Duration // in which time: a second, a minute or an hour
}

var errRateForm = errors.New("must be a whole number per s, m or h, such as 100/s")

// ParseRate reads "N/s", "N/m" or "N/h", N from 1 to MaxRate; "" is the zero value. A rate of 0 is refused: it would never
// deliver, and who wants no limit leaves the rate out.
func ParseRate(text string) (Rate, error) {
	if text == "" {
		return Rate{}, nil
	}
	number, unit, found := strings.Cut(text, "/")
	if !found || number == "" || strings.TrimLeft(number, "0123456789") != "" {
		return Rate{}, errRateForm
	}
	r := Rate{}
	switch unit {
	case "s":
		r.Per = time.Second
	case "m":
		r.Per = time.Minute
	case "h":
		r.Per = time.Hour
	default:
		return Rate{}, errRateForm
	}
	n, err := strconv.Atoi(number)
	if err != nil {
		n = math.MaxInt
	}
	r.Count = n
	return r, r.validate()
}

func (r Rate) validate() error {
	switch {
	case r == Rate{}:
		return nil
	case r.Per != time.Second && r.Per != time.Minute && r.Per != time.Hour:
		return errRateForm
	case r.Count < 1:
		return errors.New("must be at least 1; leave the rate out for no limit")
	case r.Count > MaxRate:
		return fmt.Errorf("must be at most %d", MaxRate)
	}
	return nil
}

// Unlimited reports whether r is the zero value.
func (r Rate) Unlimited() bool { return r == Rate{} }

// PerSecond is the rate in attempts per second, for a token bucket; +Inf when unlimited.
func (r Rate) PerSecond() float64 {
	if r.Per <= 0 {
		return math.Inf(1)
	}
	return float64(r.Count) / r.Per.Seconds()
}

// Burst is the size of the token bucket: what one second allows, at least 1. So no second has more than twice the rate, and 60/m is one
// each second rather than sixty at once.
func (r Rate) Burst() int {
	if r.Per <= 0 {
		return math.MaxInt
	}
	return max(1, int(math.Ceil(r.PerSecond())))
}

// String is the text that ParseRate reads, or "unlimited".
func (r Rate) String() string {
	if r.Unlimited() {
		return "unlimited"
	}
	unit := "?"
	switch r.Per {
	case time.Second:
		unit = "s"
	case time.Minute:
		unit = "m"
	case time.Hour:
		unit = "h"
	}
	return strconv.Itoa(r.Count) + "/" + unit
}

// MarshalText writes what ParseRate reads; it fails for a rate that ParseRate would refuse.
func (r Rate) MarshalText() ([]byte, error) {
	if r.Unlimited() {
		return []byte{}, nil
	}
	if err := r.validate(); err != nil {
		return nil, err
	}
	return []byte(r.String()), nil
}

// UnmarshalText reads what ParseRate reads. On error r is unchanged.
func (r *Rate) UnmarshalText(text []byte) error {
	v, err := ParseRate(string(text))
	if err != nil {
		return err
	}
	*r = v
	return nil
}
