package endpoint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"mime"
	"slices"
	"strings"
	"time"
)

// Limits of a delivery policy, which are AWS's.
const (
	MaxPolicyDelay     = 3600 // of maxDelayTarget, in seconds
	MaxPolicyRetries   = 100
	MaxPolicyRetryTime = time.Hour // all delays together
)

// ParseDeliveryPolicy reads the form of a subscription. Of what an object healthyRetryPolicy does not say it has the default.
// An empty text is no policy: nil. The error is an *InvalidError of field "DeliveryPolicy", for the first problem found;
// "Invalid parameter: " and its text are what SNS answers.
func ParseDeliveryPolicy(text []byte) (*DeliveryPolicy, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil
	}
	p := &DeliveryPolicy{}
	err := readMembers("", text, map[string]readMember{
		"healthyRetryPolicy": into(&p.Healthy, readHealthy),
		"throttlePolicy":     into(&p.Throttle, readThrottle),
		"requestPolicy":      into(&p.Request, readRequest),
		"sicklyRetryPolicy":  ignored, // of long ago; it never did anything
		"guaranteed":         ignored,
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// ParseTopicDeliveryPolicy reads the form of a topic, as ParseDeliveryPolicy does the subscription's.
func ParseTopicDeliveryPolicy(text []byte) (*TopicDeliveryPolicy, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil
	}
	t := &TopicDeliveryPolicy{}
	err := readMembers("", text, map[string]readMember{"http": func(at string, raw []byte) error {
		return readMembers(at, raw, map[string]readMember{
			"defaultHealthyRetryPolicy":    into(&t.HTTP.Healthy, readHealthy),
			"disableSubscriptionOverrides": readBool(&t.HTTP.DisableOverrides),
			"defaultThrottlePolicy":        into(&t.HTTP.Throttle, readThrottle),
			"defaultRequestPolicy":         into(&t.HTTP.Request, readRequest),
			"defaultSicklyRetryPolicy":     ignored,
			"guaranteed":                   ignored,
		})
	}})
	if err != nil {
		return nil, err
	}
	return t, nil
}

func invalidPolicy(format string, args ...any) error {
	return &InvalidError{Field: "DeliveryPolicy", Reason: fmt.Sprintf(format, args...)}
}

// readMember reads the value of a member, which is at the given path.
type readMember func(at string, raw []byte) error

// readMembers reads an object. Names are as they are written here, which encoding/json alone would not insist on. A member
// that is null is left out.
func readMembers(at string, raw []byte, known map[string]readMember) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil || members == nil {
		if at == "" {
			return invalidPolicy("is not a JSON object")
		}
		return invalidPolicy("%s must be an object", at)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		path := name
		if at != "" {
			path = at + "." + name
		}
		read, ok := known[name]
		if !ok {
			return invalidPolicy("unknown member %s", clip(path, 128))
		}
		if string(members[name]) == "null" {
			continue
		}
		if err := read(path, members[name]); err != nil {
			return err
		}
	}
	return nil
}

func ignored(string, []byte) error { return nil }

// into sets a part of a policy that is an object of its own.
func into[T any](part **T, read func(at string, raw []byte) (T, error)) readMember {
	return func(at string, raw []byte) error {
		value, err := read(at, raw)
		*part = &value
		return err
	}
}

func readBool(to *bool) readMember {
	return func(at string, raw []byte) error {
		if json.Unmarshal(raw, to) != nil {
			return invalidPolicy("%s must be true or false", at)
		}
		return nil
	}
}

// readInt reads a whole number in a range.
func readInt(to *int, lo, hi int) readMember {
	return func(at string, raw []byte) error {
		if json.Unmarshal(raw, to) != nil || *to < lo || *to > hi {
			return invalidPolicy("%s must be a whole number from %d to %d", at, lo, hi)
		}
		return nil
	}
}

func readHealthy(at string, raw []byte) (HealthyRetryPolicy, error) {
	h := DefaultHealthyRetryPolicy()
	err := readMembers(at, raw, map[string]readMember{
		"minDelayTarget":     readInt(&h.MinDelayTarget, 1, MaxPolicyDelay),
		"maxDelayTarget":     readInt(&h.MaxDelayTarget, 1, MaxPolicyDelay),
		"numRetries":         readInt(&h.NumRetries, 0, MaxPolicyRetries),
		"numMaxDelayRetries": readInt(&h.NumMaxDelayRetries, 0, MaxPolicyRetries),
		"numNoDelayRetries":  readInt(&h.NumNoDelayRetries, 0, MaxPolicyRetries),
		"numMinDelayRetries": readInt(&h.NumMinDelayRetries, 0, MaxPolicyRetries),
		"backoffFunction": func(at string, raw []byte) error {
			if json.Unmarshal(raw, &h.BackoffFunction) != nil || !h.BackoffFunction.known() {
				return invalidPolicy("%s must be linear, arithmetic, geometric or exponential", at)
			}
			return nil
		},
	})
	if err != nil {
		return h, err
	}
	if h.MaxDelayTarget < h.MinDelayTarget {
		return h, invalidPolicy("%s.maxDelayTarget, %d, must not be below minDelayTarget, %d", at, h.MaxDelayTarget, h.MinDelayTarget)
	}
	if phases := h.NumNoDelayRetries + h.NumMinDelayRetries + h.NumMaxDelayRetries; phases > h.NumRetries {
		return h, invalidPolicy("%s.numRetries, %d, must not be below the sum of numNoDelayRetries, numMinDelayRetries and numMaxDelayRetries, %d",
			at, h.NumRetries, phases)
	}
	var total time.Duration
	for _, d := range h.Schedule() {
		total += d.Std()
	}
	if total.Round(time.Second) > MaxPolicyRetryTime { // each delay was rounded
		return h, invalidPolicy("%s has retries over %.0f seconds; the maximum is %.0f", at, total.Seconds(), MaxPolicyRetryTime.Seconds())
	}
	return h, nil
}

func readThrottle(at string, raw []byte) (ThrottlePolicy, error) {
	var p ThrottlePolicy
	err := readMembers(at, raw, map[string]readMember{"maxReceivesPerSecond": readInt(&p.MaxReceivesPerSecond, 1, math.MaxInt32)})
	if err == nil && p.MaxReceivesPerSecond == 0 {
		err = invalidPolicy("%s.maxReceivesPerSecond is required", at)
	}
	return p, err
}

// maxContentType is generous; AWS takes only some types.
const maxContentType = 256

func readRequest(at string, raw []byte) (RequestPolicy, error) {
	p := RequestPolicy{ContentType: DefaultPolicyContentType}
	err := readMembers(at, raw, map[string]readMember{"headerContentType": func(at string, raw []byte) error {
		if json.Unmarshal(raw, &p.ContentType) != nil || len(p.ContentType) > maxContentType || !isFieldValue(p.ContentType) {
			return invalidPolicy("%s must be a media type", at)
		}
		if media, _, err := mime.ParseMediaType(p.ContentType); err != nil || !strings.Contains(media, "/") {
			return invalidPolicy("%s must be a media type", at)
		}
		return nil
	}})
	return p, err
}
