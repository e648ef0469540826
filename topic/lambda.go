package topic

import (
	"context"
	"unicode/utf8"
)

// lambdaJSON is the message as SNS invokes a Lambda function with it. The spelling of the members differs from the envelope's.
func (o *outgoing) lambdaJSON(ctx context.Context, s *subscription) ([]byte, error) {
	r := o.rendition(ProtocolLambda)
	if !utf8.Valid(r.body) {
		return nil, undeliverable("INVALID_PARAMETER", "%s: the message is not UTF-8, which the event of SNS needs", s.label())
	}
	signed, err := o.signature(ctx, r, ProtocolLambda)
	if err != nil {
		return nil, err
	}
	dst := make([]byte, 0, 1536+len(r.body)+len(r.body)/8)
	text := func(key, value string) {
		dst = append(dst, key...)
		dst = appendJSONString(dst, value)
	}
	text(`{"Records":[{"EventSource":"aws:sns","EventVersion":"1.0","EventSubscriptionArn":`, SubscriptionARN(o.topic.name, s.uuid))
	text(`,"Sns":{"Type":"Notification","MessageId":`, o.id)
	if o.sequence != "" {
		text(`,"SequenceNumber":`, o.sequence)
	}
	text(`,"TopicArn":`, o.topic.arn)
	if o.message.Subject == "" {
		dst = append(dst, `,"Subject":null`...)
	} else {
		text(`,"Subject":`, o.message.Subject)
	}
	text(`,"Message":`, string(r.body))
	text(`,"Timestamp":`, o.timestamp())
	if signed != nil {
		text(`,"SignatureVersion":`, signed.version)
		text(`,"Signature":`, signed.text)
		text(`,"SigningCertUrl":`, signed.certificate)
	}
	text(`,"UnsubscribeUrl":`, unsubscribeURL(o.topics.publicURL(), o.topic.arn)+s.uuid)
	if o.message.replayed {
		dst = append(dst, `,"Replayed":true`...)
	}
	dst = append(dst, `,"MessageAttributes":`...)
	dst = appendAttributes(dst, o.message.Attributes)
	return append(dst, `}}]}`...), nil
}
