package topic

import (
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
)

// topicPolicy is a topic's delivery policy; nil for the defaults.
type topicPolicy struct{ own *endpoint.TopicDeliveryPolicy }

// parseTopicPolicy reads a topic's delivery policy. Empty is none.
func parseTopicPolicy(text []byte) (topicPolicy, error) {
	if len(text) == 0 {
		return topicPolicy{}, nil
	}
	own, err := endpoint.ParseTopicDeliveryPolicy(text)
	return topicPolicy{own}, err
}

func validateTopicPolicy(text []byte) error {
	_, err := parseTopicPolicy(text)
	return err
}

func validateSubscriptionPolicy(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	_, err := endpoint.ParseDeliveryPolicy(text)
	return err
}

// of returns the policy in effect for a subscription. One that can not be read, which only a newer release could have written,
// counts as none.
func (p topicPolicy) of(s *Subscription) *endpoint.DeliveryPolicy {
	if len(s.DeliveryPolicy) > 0 {
		if own, err := endpoint.ParseDeliveryPolicy(s.DeliveryPolicy); err == nil {
			return p.own.For(own)
		}
	}
	return p.own.For(nil)
}
