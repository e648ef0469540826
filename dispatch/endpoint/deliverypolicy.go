package endpoint

import (
	"net/http"
	"time"

	"github.com/signalbox-mq/signalbox/duration"
)

// SubscriptionTable is the catalog table of the endpoints of topics' HTTP subscriptions: an [Endpoint] under the
// subscription's own name, "topic/id".
const SubscriptionTable = "subscription-endpoints"

// DeliveryPolicy is Amazon SNS's delivery policy for one HTTP subscription. A part that is nil is the topic's, see
// [TopicDeliveryPolicy.For]. It writes as JSON in the order of AWS.
type DeliveryPolicy struct {
	Healthy  *HealthyRetryPolicy `json:"healthyRetryPolicy,omitempty"`
	Throttle *ThrottlePolicy     `json:"throttlePolicy,omitempty"`
	Request  *RequestPolicy      `json:"requestPolicy,omitempty"`
}

// TopicDeliveryPolicy is the form of a topic, which is for all its HTTP subscriptions. A part that is nil is SNS's
// default, see [TopicDeliveryPolicy.Effective].
type TopicDeliveryPolicy struct {
	HTTP HTTPDeliveryPolicy `json:"http"`
}

// HTTPDeliveryPolicy is all there is in a TopicDeliveryPolicy: other protocols have fixed policies.
type HTTPDeliveryPolicy struct {
	Healthy *HealthyRetryPolicy `json:"defaultHealthyRetryPolicy,omitempty"`
	// DisableOverrides makes the subscriptions' own policies count for nothing.
	DisableOverrides bool            `json:"disableSubscriptionOverrides"`
	Throttle         *ThrottlePolicy `json:"defaultThrottlePolicy,omitempty"`
	Request          *RequestPolicy  `json:"defaultRequestPolicy,omitempty"`
}

// ThrottlePolicy limits attempts.
type ThrottlePolicy struct {
	MaxReceivesPerSecond int `json:"maxReceivesPerSecond"` // at least 1
}

// RequestPolicy is about the requests.
type RequestPolicy struct {
	ContentType string `json:"headerContentType"`
}

// DefaultPolicyContentType is the Content-Type of SNS's deliveries where no policy names one.
const DefaultPolicyContentType = "text/plain; charset=UTF-8"

// Effective returns the policy with SNS's defaults for what it leaves out. A nil policy is all defaults; there is no default
// throttle.
func (t *TopicDeliveryPolicy) Effective() *TopicDeliveryPolicy {
	all := &TopicDeliveryPolicy{}
	if t != nil {
		*all = *t
	}
	if all.HTTP.Healthy == nil {
		all.HTTP.Healthy = new(DefaultHealthyRetryPolicy())
	}
	if all.HTTP.Request == nil {
		all.HTTP.Request = &RequestPolicy{ContentType: DefaultPolicyContentType}
	}
	return all
}

// For returns what counts for a subscription with the policy s of its own, nil for none: each part of it that is set takes the
// place of the topic's as a whole, unless the topic does not allow that. What is returned has every part but perhaps a throttle.
func (t *TopicDeliveryPolicy) For(s *DeliveryPolicy) *DeliveryPolicy {
	topic := t.Effective().HTTP
	p := &DeliveryPolicy{Healthy: topic.Healthy, Throttle: topic.Throttle, Request: topic.Request}
	if s == nil || topic.DisableOverrides {
		return p
	}
	if s.Healthy != nil {
		p.Healthy = s.Healthy
	}
	if s.Throttle != nil {
		p.Throttle = s.Throttle
	}
	if s.Request != nil {
		p.Request = s.Request
	}
	return p
}

// Apply gives an endpoint the policy's retries, rate and timeout; nil, and a part that is nil, stand for SNS's defaults. As on
// AWS an answer 4xx ends a delivery at once, 429 excepted, and 410 says nothing about the endpoint, so it does not disable it.
// Times have the usual jitter (AWS moves them too), and a Retry-After counts if it is longer.
func (p *DeliveryPolicy) Apply(e *Endpoint) {
	p = (*TopicDeliveryPolicy)(nil).For(p)
	e.Timeout = duration.Of(DefaultTimeout) // 15s, which is SNS's too
	e.Rate = Rate{}
	if p.Throttle != nil {
		e.Rate = Rate{Count: min(p.Throttle.MaxReceivesPerSecond, MaxRate), Per: time.Second}
	}
	e.Retry = RetryPolicy{Schedule: p.Healthy.Schedule(), PermanentAttempts: 1, PermanentStatuses: clientErrors()}
}

// ContentType is the Content-Type that the policy names, or else otherwise.
func (p *DeliveryPolicy) ContentType(otherwise string) string {
	if p == nil || p.Request == nil || p.Request.ContentType == "" {
		return otherwise
	}
	return p.Request.ContentType
}

// clientErrors are the statuses of which SNS says that the client did not accept the message.
func clientErrors() []int {
	all := make([]int, 0, 100)
	for s := 400; s < 500; s++ {
		if s != http.StatusTooManyRequests {
			all = append(all, s)
		}
	}
	return all
}
