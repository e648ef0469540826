package tests

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

func TestSQSMessages(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{})
	overBoth(t, r, "attributes", messageAttributes)
	overBoth(t, r, "filter", attributeFilter)
	overBoth(t, r, "refused", attributesRefused)
	overBoth(t, r, "system", systemAttributes)
	overBoth(t, r, "characters", characters)
	overBoth(t, r, "sizes", messageSizes)
	overBoth(t, r, "batches", batchRules)
	overBoth(t, r, "asking", attributeNamesCombine)
}

func md5Hex(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

// md5OfAttributes is the digest as the Developer Guide has it.
func md5OfAttributes(attributes map[string]types.MessageAttributeValue) string {
	var b []byte
	part := func(s string) { b = append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...) }
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		part(name)
		part(*a.DataType)
		if strings.HasPrefix(*a.DataType, "Binary") {
			b = append(b, 2)
			part(string(a.BinaryValue))
		} else {
			b = append(b, 1)
			part(*a.StringValue)
		}
	}
	return md5Hex(b)
}

// sampleAttributes are of every type there is.
func sampleAttributes() map[string]types.MessageAttributeValue {
	typed := func(dataType, value string) types.MessageAttributeValue {
		return types.MessageAttributeValue{DataType: &dataType, StringValue: &value}
	}
	return map[string]types.MessageAttributeValue{
		"text": text("héllo <&> \"\r\n"), "Upper": text("x"), "a.b-c_1": text("y"), "typed": typed("String.json", "{}"),
		"number": typed("Number", "-12.50e3"), "integer": typed("Number.int", "7"),
		"large": typed("Number", strings.Repeat("9", 38)), "zero": typed("Number", "0"),
		"raw": {DataType: aws.String("Binary"), BinaryValue: []byte{0, 1, 255}},
		"png": {DataType: aws.String("Binary.png"), BinaryValue: []byte("\x89PNG")},
	}
}

func messageAttributes(t *testing.T, s *sqsScene) {
	if got := md5OfAttributes(map[string]types.MessageAttributeValue{"MyAttribute": text("foobar")}); got != "adb59cd4678ea5a855436b949cd07ab6" {
		t.Fatalf("this test computes %s", got) // a known answer of AWS
	}
	url := s.create("a")
	want := sampleAttributes()
	const body = "a body\r\nof \"two\" lines & <more> \u00e9\U0001F4E6"
	sent, err := s.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String(body), MessageAttributes: want})
	s.ok(err, "SendMessage")
	m := s.receiveOne(url)
	if *m.Body != body || *m.MessageId != *sent.MessageId {
		t.Errorf("received %q", *m.Body)
	}
	if md5Hex([]byte(body)) != *m.MD5OfBody || *m.MD5OfBody != *sent.MD5OfMessageBody {
		t.Errorf("the digests of the body are %s and %s", *m.MD5OfBody, *sent.MD5OfMessageBody)
	}
	if digest := md5OfAttributes(want); digest != aws.ToString(m.MD5OfMessageAttributes) || digest != aws.ToString(sent.MD5OfMessageAttributes) {
		t.Errorf("the digests of the attributes are %s and %s, want %s", aws.ToString(m.MD5OfMessageAttributes), aws.ToString(sent.MD5OfMessageAttributes), digest)
	}
	if len(m.MessageAttributes) != len(want) {
		t.Errorf("received %d attributes, sent %d", len(m.MessageAttributes), len(want))
	}
	for name, w := range want {
		got := m.MessageAttributes[name]
		if aws.ToString(got.DataType) != *w.DataType || aws.ToString(got.StringValue) != aws.ToString(w.StringValue) || !bytes.Equal(got.BinaryValue, w.BinaryValue) {
			t.Errorf("attribute %s is %+v", name, got)
		}
	}
}

func attributeFilter(t *testing.T, s *sqsScene) {
	url := s.create("a", "VisibilityTimeout", "0")
	all := map[string]types.MessageAttributeValue{"app": text("0"), "app.one": text("1"), "app.two": text("2"), "application": text("3"), "other": text("4")}
	_, err := s.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("x"), MessageAttributes: all})
	s.ok(err, "SendMessage")
	every := []string{"app", "app.one", "app.two", "application", "other"}
	for _, test := range []struct{ asked, want []string }{
		{nil, nil},
		{[]string{"All"}, every},
		{[]string{".*"}, every},
		{[]string{"app.*"}, []string{"app", "app.one", "app.two", "application"}},
		{[]string{"app.o.*"}, []string{"app.one"}},
		{[]string{"app"}, []string{"app"}},
		{[]string{"ap"}, nil},
		{[]string{"other", "app.t.*", "none"}, []string{"app.two", "other"}},
	} {
		out, err := s.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MessageAttributeNames: test.asked})
		s.ok(err, "ReceiveMessage")
		if len(out.Messages) != 1 {
			t.Fatalf("received %d messages", len(out.Messages))
		}
		m := out.Messages[0]
		if got := slices.Sorted(maps.Keys(m.MessageAttributes)); !slices.Equal(got, test.want) {
			t.Errorf("asked for %q, got %q", test.asked, got)
		}
		// The digest is of what was returned.
		if test.want == nil && m.MD5OfMessageAttributes != nil || test.want != nil && aws.ToString(m.MD5OfMessageAttributes) != md5OfAttributes(m.MessageAttributes) {
			t.Errorf("asked for %q, the digest is %q", test.asked, aws.ToString(m.MD5OfMessageAttributes))
		}
		if m.Attributes != nil {
			t.Errorf("got system attributes that nobody asked for: %v", m.Attributes)
		}
	}
}

func attributesRefused(t *testing.T, s *sqsScene) {
	url := s.create("a")
	typed := func(dataType, value string) types.MessageAttributeValue {
		return types.MessageAttributeValue{DataType: &dataType, StringValue: &value}
	}
	for _, test := range []struct {
		name    string
		value   types.MessageAttributeValue
		message string // empty for any
	}{
		{"empty", text(""), "Message (user) attribute 'empty' must contain a non-empty value of type 'String'."},
		{"number", typed("Number", "seven"), "Can't cast the value of message (user) attribute 'number' to a number."},
		{"number", typed("Number", strings.Repeat("9", 39)), "Can't cast the value of message (user) attribute 'number' to a number."},
		{"kind", typed("Text", "x"), "Message (user) attribute 'kind' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."},
		{"character", text("\x01"), ""},
		{"a b", text("x"), ""},
		{"a..b", text("x"), ""},
		{".a", text("x"), ""},
		{"AWS.a", text("x"), ""},
		{"amazon.a", text("x"), ""},
		{strings.Repeat("x", 257), text("x"), ""},
		{"long", typed("String."+strings.Repeat("x", 250), "x"), ""},
	} {
		given := map[string]types.MessageAttributeValue{test.name: test.value}
		_, err := s.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("x"), MessageAttributes: given})
		if test.message != "" {
			s.invalid(err, "%s", test.message)
		} else if err == nil || !strings.Contains(err.Error(), "InvalidParameterValue") {
			t.Errorf("%q with %q: %v", test.name, *test.value.StringValue, err)
		}
		// In a batch only the entry fails.
		out, err := s.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: &url, Entries: []types.SendMessageBatchRequestEntry{
			{Id: aws.String("bad"), MessageBody: aws.String("x"), MessageAttributes: given}, {Id: aws.String("good"), MessageBody: aws.String("x")},
		}})
		s.ok(err, "SendMessageBatch")
		if len(out.Failed) != 1 || *out.Failed[0].Id != "bad" || *out.Failed[0].Code != "InvalidParameterValue" || !out.Failed[0].SenderFault || len(out.Successful) != 1 {
			t.Errorf("%q in a batch: %+v", test.name, out)
		}
	}
	eleven := map[string]types.MessageAttributeValue{}
	for i := range 11 {
		eleven[fmt.Sprint("a", i)] = text("x")
	}
	_, err := s.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("x"), MessageAttributes: eleven})
	s.invalid(err, "Number of message attributes [11] exceeds the allowed maximum [10].")
}

func systemAttributes(t *testing.T, s *sqsScene) {
	url := s.create("a")
	const trace = "Root=1-5759e988-bd862e3fe1be46a994272793"
	system := func(name, value string) map[string]types.MessageSystemAttributeValue {
		return map[string]types.MessageSystemAttributeValue{name: {DataType: aws.String("String"), StringValue: &value}}
	}
	sent, err := s.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("x"), MessageSystemAttributes: system("AWSTraceHeader", trace)})
	s.ok(err, "SendMessage")
	if want := md5OfAttributes(map[string]types.MessageAttributeValue{"AWSTraceHeader": text(trace)}); aws.ToString(sent.MD5OfMessageSystemAttributes) != want || sent.MD5OfMessageAttributes != nil {
		t.Errorf("the digests are %s and %s", aws.ToString(sent.MD5OfMessageSystemAttributes), aws.ToString(sent.MD5OfMessageAttributes))
	}
	m := s.receiveOne(url)
	if m.Attributes["AWSTraceHeader"] != trace || m.Attributes["SenderId"] == "" || m.Attributes["ApproximateReceiveCount"] != "1" ||
		len(m.Attributes["SentTimestamp"]) != 13 || len(m.Attributes["ApproximateFirstReceiveTimestamp"]) != 13 || len(m.Attributes) != 5 {
		t.Errorf("the system attributes are %v", m.Attributes)
	}
	if m.MD5OfMessageAttributes != nil {
		t.Error("the system attribute has become part of the digest of the others")
	}
	_, err = s.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("x"), MessageSystemAttributes: system("Other", "x")})
	s.invalid(err, "Message system attribute name 'Other' is invalid.")
}

func characters(t *testing.T, s *sqsScene) {
	url := s.create("a")
	const every = "\t\n\r \x7f\u0080\ud7ff\ue000\ufffd\U00010000\U0010ffff"
	s.send(url, every)
	if got := *s.receiveOne(url).Body; got != every {
		t.Errorf("sent %q, received %q", every, got)
	}
	const invalid = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF."
	for _, body := range []string{"\x00", "a\x0bb", "\x1f", "\ufffe", "\uffff"} {
		_, err := s.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body})
		s.fails(err, "InvalidMessageContents", invalid)
	}
	s.refused(s.call("SendMessage", map[string]any{"QueueUrl": url, "MessageBody": ""}), "MissingParameter", "The request must contain the parameter MessageBody.")
}

const mebibyte = 1 << 20

func messageSizes(t *testing.T, s *sqsScene) {
	url := s.create("a")
	send := func(body string, attributes map[string]types.MessageAttributeValue) error {
		_, err := s.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body, MessageAttributes: attributes})
		return err
	}
	body := strings.Repeat("x", mebibyte)
	s.ok(send(body, nil), "1 MiB")
	if got := s.receiveOne(url); *got.Body != body {
		t.Errorf("received %d bytes", len(*got.Body))
	}
	const tooLong = "One or more parameters are invalid. Reason: Message must be shorter than %d bytes."
	s.invalid(send(body+"x", nil), tooLong, mebibyte)
	// Attributes count: name, type and value.
	s.ok(send(body[:mebibyte-len("name"+"String"+"value")], map[string]types.MessageAttributeValue{"name": text("value")}), "1 MiB with an attribute")
	s.invalid(send(body[:mebibyte-14], map[string]types.MessageAttributeValue{"name": text("value")}), tooLong, mebibyte)

	batch := func(bodies ...string) (*sqs.SendMessageBatchOutput, error) {
		in := &sqs.SendMessageBatchInput{QueueUrl: &url}
		for i, body := range bodies {
			in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint("e", i)), MessageBody: &body})
		}
		return s.SendMessageBatch(t.Context(), in)
	}
	out, err := batch(body[:mebibyte-1], "y")
	s.ok(err, "a batch of 1 MiB")
	if len(out.Successful) != 2 {
		t.Errorf("a batch of 1 MiB: %+v", out)
	}
	_, err = batch(body[:mebibyte-1], "yz")
	s.fails(err, "AWS.SimpleQueueService.BatchRequestTooLong", "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.")

	// The queue's own limit is each entry's; the batch may have more.
	s.ok(s.set(url, "MaximumMessageSize", "1024"), "SetQueueAttributes")
	s.invalid(send(body[:1025], nil), tooLong, 1024)
	out, err = batch(body[:1024], body[:1025], body[:1024])
	s.ok(err, "a batch with one too large")
	if len(out.Successful) != 2 || len(out.Failed) != 1 || *out.Failed[0].Id != "e1" || *out.Failed[0].Code != "InvalidParameterValue" || !out.Failed[0].SenderFault ||
		*out.Failed[0].Message != "One or more parameters cannot be validated. Reason: Message must be shorter than 1024 bytes." {
		t.Errorf("a batch with one too large: %+v", out)
	}
}

func batchRules(t *testing.T, s *sqsScene) {
	url := s.create("a")
	send := func(ids ...string) error {
		in := &sqs.SendMessageBatchInput{QueueUrl: &url, Entries: []types.SendMessageBatchRequestEntry{}}
		for _, id := range ids {
			in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: &id, MessageBody: aws.String("x")})
		}
		_, err := s.SendMessageBatch(t.Context(), in)
		return err
	}
	remove := func(ids ...string) error {
		in := &sqs.DeleteMessageBatchInput{QueueUrl: &url, Entries: []types.DeleteMessageBatchRequestEntry{}}
		for _, id := range ids {
			in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{Id: &id, ReceiptHandle: aws.String("x")})
		}
		_, err := s.DeleteMessageBatch(t.Context(), in)
		return err
	}
	change := func(ids ...string) error {
		in := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &url, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{}}
		for _, id := range ids {
			in.Entries = append(in.Entries, types.ChangeMessageVisibilityBatchRequestEntry{Id: &id, ReceiptHandle: aws.String("x")})
		}
		_, err := s.ChangeMessageVisibilityBatch(t.Context(), in)
		return err
	}
	eleven := strings.Split("a b c d e f g h i j k", " ")
	for name, batch := range map[string]func(ids ...string) error{"SendMessage": send, "DeleteMessage": remove, "ChangeMessageVisibility": change} {
		const prefix = "AWS.SimpleQueueService."
		s.fails(batch(), prefix+"EmptyBatchRequest", "There should be at least one "+name+"BatchRequestEntry in the request.")
		s.fails(batch(eleven...), prefix+"TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10. You have sent 11.")
		s.fails(batch("a", "b", "a"), prefix+"BatchEntryIdsNotDistinct", "Id a repeated.")
		for _, id := range []string{"a b", "é", "a.b", strings.Repeat("x", 81)} {
			s.fails(batch(id), prefix+"InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.")
		}
		s.ok(batch(append(eleven[:9:9], strings.Repeat("Z", 78)+"_-")...), "ten entries")
	}
}

// attributeNamesCombine asks by the old list of names and by the new one.
func attributeNamesCombine(t *testing.T, s *sqsScene) {
	url := s.create("a")
	s.send(url, "x")
	parameters := map[string]any{"QueueUrl": url, "VisibilityTimeout": 0}
	if s.protocol == "json" {
		parameters["AttributeNames"] = []string{"SentTimestamp"}
		parameters["MessageSystemAttributeNames"] = []string{"ApproximateReceiveCount"}
	} else {
		parameters["AttributeName.1"] = "SentTimestamp"
		parameters["MessageSystemAttributeName.1"] = "ApproximateReceiveCount"
	}
	a := string(s.call("ReceiveMessage", parameters).Body)
	if !strings.Contains(a, "SentTimestamp") || !strings.Contains(a, "ApproximateReceiveCount") || strings.Contains(a, "SenderId") {
		t.Errorf("received %s", a)
	}
}
