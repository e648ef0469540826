package sqs_test

import (
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
)

const validCharacters = "Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF."

func TestConstraintsOfSending(t *testing.T) {
	t.Parallel()
	const (
		group    = "MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length."
		dedup    = "MessageDeduplicationId can only include alphanumeric and punctuation characters. 1 to 128 in length."
		noGroup  = "The request must contain the parameter MessageGroupId."
		noDedup  = "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
		tooLong  = "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes."
		contents = "Invalid characters found. " + validCharacters
	)
	send := func(queue, members string) string { return `{"QueueUrl":"` + queue + `",` + members + `}` }
	token := strings.Repeat("a", 129)
	refuse(t, []refusal{
		{"SendMessage", send("q", `"MessageBody":""`), missingParameter, "The request must contain the parameter MessageBody."},
		{"SendMessage", send("q", `"MessageBody":"\u0000"`), "InvalidMessageContents", contents},
		{"SendMessage", send("q", `"MessageBody":"a\u000bb"`), "InvalidMessageContents", contents},
		{"SendMessage", send("q", `"MessageBody":"\ufffe"`), "InvalidMessageContents", contents},
		{"SendMessage", send("q", `"MessageBody":"\uffff"`), "InvalidMessageContents", contents},
		{"SendMessage", send("q", `"MessageBody":"b","DelaySeconds":-1`), invalidParameter, outOf("-1", "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")},
		{"SendMessage", send("q", `"MessageBody":"b","DelaySeconds":901`), invalidParameter, outOf("901", "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")},
		{"SendMessage", send("q", `"MessageBody":"b","MessageGroupId":"a b"`), invalidParameter, outOf("a b", "MessageGroupId", group)},
		{"SendMessage", send("q", `"MessageBody":"b","MessageGroupId":"é"`), invalidParameter, outOf("é", "MessageGroupId", group)},
		{"SendMessage", send("q", `"MessageBody":"b","MessageGroupId":"`+token+`"`), invalidParameter, outOf(token, "MessageGroupId", group)},
		{"SendMessage", send("q", `"MessageBody":"b","MessageDeduplicationId":"d"`), invalidParameter, outOf("d", "MessageDeduplicationId", "The request includes a parameter that is not valid for this queue type.")},
		{"SendMessage", send("small", `"MessageBody":"`+strings.Repeat("x", 1025)+`"`), invalidParameter, tooLong},
		// The names, types and values of attributes count: 1015 + 1 + 6 + 3.
		{"SendMessage", send("small", `"MessageBody":"`+strings.Repeat("x", 1015)+`","MessageAttributes":{"a":{"DataType":"String","StringValue":"abc"}}`), invalidParameter, tooLong},

		{"SendMessage", send("f.fifo", `"MessageBody":"b","MessageDeduplicationId":"d"`), missingParameter, noGroup},
		{"SendMessage", send("f.fifo", `"MessageBody":"b","MessageGroupId":"g"`), invalidParameter, noDedup},
		{"SendMessage", send("f.fifo", `"MessageBody":"b","MessageGroupId":"g h","MessageDeduplicationId":"d"`), invalidParameter, outOf("g h", "MessageGroupId", group)},
		{"SendMessage", send("f.fifo", `"MessageBody":"b","MessageGroupId":"g","MessageDeduplicationId":"d e"`), invalidParameter, outOf("d e", "MessageDeduplicationId", dedup)},
		{"SendMessage", send("f.fifo", `"MessageBody":"b","MessageGroupId":"g","MessageDeduplicationId":"`+token+`"`), invalidParameter, outOf(token, "MessageDeduplicationId", dedup)},
		{"SendMessage", send("f.fifo", `"MessageBody":"b","MessageGroupId":"g","MessageDeduplicationId":"d","DelaySeconds":2`), invalidParameter, outOf("2", "DelaySeconds", "The request include parameter that is not valid for this queue type.")},
	}, sendingQueues)
	both(t, func(_ *testing.T, e *env, p awstest.Protocol) { // what is at the limits
		sendingQueues(e)
		punctuation := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
		e.ok(p, "SendMessage", send("q", `"MessageBody":"\t\n\r \ud7ff\ue000\ufffd\ud83d\ude00","DelaySeconds":900,"MessageGroupId":"`+punctuation+`"`))
		e.ok(p, "SendMessage", send("small", `"MessageBody":"`+strings.Repeat("x", 1014)+`","MessageAttributes":{"a":{"DataType":"String","StringValue":"abc"}}`))
		e.ok(p, "SendMessage", send("small", `"MessageBody":"`+strings.Repeat("x", 1024)+`","MessageSystemAttributes":{"AWSTraceHeader":{"DataType":"String","StringValue":"abc"}}`))
		e.ok(p, "SendMessage", send("f.fifo", `"MessageBody":"b","MessageGroupId":"g","MessageDeduplicationId":"`+token[1:]+`","DelaySeconds":0`))
	})
}

func sendingQueues(e *env) {
	e.create("q", "f.fifo")
	e.ok(overJSON, "CreateQueue", `{"QueueName":"small","Attributes":{"MaximumMessageSize":"1024"}}`)
}

func TestConstraintsOfMessageAttributes(t *testing.T) {
	t.Parallel()
	const (
		dots     = "' can not start or end with a dot, or have two in a row."
		charset  = ": it can contain letters, digits, underscores, hyphens and dots."
		reserved = "Message (user) attribute names starting with 'AWS.' or 'Amazon.' are reserved for use by Amazon."
		length   = "Message (user) attribute name must be between 1 and 256 characters long."
		prefixes = "has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."
		lists    = "Message attribute list values in SendMessage operation are not supported."
	)
	str := `{"DataType":"String","StringValue":"v"}`
	attributes := func(of string) string { return `{"QueueUrl":"q","MessageBody":"b","MessageAttributes":{` + of + `}}` }
	system := func(of string) string {
		return `{"QueueUrl":"q","MessageBody":"b","MessageSystemAttributes":{` + of + `}}`
	}
	named := func(name string) string { return attributes(`"` + name + `":` + str) }
	valued := func(of string) string { return attributes(`"a":{` + of + `}`) }
	number := func(value string) string { return valued(`"DataType":"Number","StringValue":"` + value + `"`) }
	const a = "Message (user) attribute 'a' "
	const notNumber = "Can't cast the value of message (user) attribute 'a' to a number."
	var eleven []string
	for _, name := range strings.Split("abcdefghijk", "") {
		eleven = append(eleven, `"`+name+`":`+str)
	}
	rows := []refusal{
		{"SendMessage", attributes(strings.Join(eleven, ",")), invalidParameter, "Number of message attributes [11] exceeds the allowed maximum [10]."},
		{"SendMessage", named(".a"), invalidParameter, "Message (user) attribute name '.a" + dots},
		{"SendMessage", named("a."), invalidParameter, "Message (user) attribute name 'a." + dots},
		{"SendMessage", named("a..b"), invalidParameter, "Message (user) attribute name 'a..b" + dots},
		{"SendMessage", named("a b"), invalidParameter, "Invalid message (user) attribute name 'a b'" + charset},
		{"SendMessage", named("é"), invalidParameter, "Invalid message (user) attribute name 'é'" + charset},
		{"SendMessage", named("AWS.a"), invalidParameter, reserved},
		{"SendMessage", named("aws.a"), invalidParameter, reserved},
		{"SendMessage", named("amaZon.a"), invalidParameter, reserved},
		{"SendMessage", named(strings.Repeat("a", 257)), invalidParameter, length},
		{"SendMessage", named(""), invalidParameter, length},
		{"SendMessage", valued(`"StringValue":"v"`), invalidParameter, a + "must contain a non-empty attribute type."},
		{"SendMessage", valued(`"DataType":"","StringValue":"v"`), invalidParameter, a + "must contain a non-empty attribute type."},
		{"SendMessage", valued(`"DataType":"Colour","StringValue":"v"`), invalidParameter, a + prefixes},
		{"SendMessage", valued(`"DataType":"string","StringValue":"v"`), invalidParameter, a + prefixes},
		{"SendMessage", valued(`"DataType":"Stringy","StringValue":"v"`), invalidParameter, a + prefixes},
		{"SendMessage", valued(`"DataType":"String.\u0001","StringValue":"v"`), invalidParameter, a + "has a type with invalid characters."},
		{"SendMessage", valued(`"DataType":"String.` + strings.Repeat("x", 250) + `","StringValue":"v"`), invalidParameter, a + "has a type longer than 256 bytes."},
		{"SendMessage", valued(`"DataType":"String"`), invalidParameter, a + "must contain a non-empty value of type 'String'."},
		{"SendMessage", valued(`"DataType":"String.x","StringValue":""`), invalidParameter, a + "must contain a non-empty value of type 'String'."},
		{"SendMessage", valued(`"DataType":"String","BinaryValue":"AA=="`), invalidParameter, a + "must contain a non-empty value of type 'String'."},
		{"SendMessage", valued(`"DataType":"Number"`), invalidParameter, a + "must contain a non-empty value of type 'Number'."},
		{"SendMessage", valued(`"DataType":"Binary","BinaryValue":""`), invalidParameter, a + "must contain a non-empty value of type 'Binary'."},
		{"SendMessage", valued(`"DataType":"Binary","StringValue":"v"`), invalidParameter, a + "must contain a non-empty value of type 'Binary'."},
		{"SendMessage", valued(`"DataType":"String","StringValue":"\u0001"`), invalidParameter, a + "has a value with invalid characters. " + validCharacters},
		{"SendMessage", valued(`"DataType":"String","StringListValues":["v"]`), "UnsupportedOperation", lists},
		{"SendMessage", valued(`"DataType":"Binary","BinaryListValues":["AA=="]`), "UnsupportedOperation", lists},
		{"SendMessage", number("x"), invalidParameter, notNumber},
		{"SendMessage", number("1e127"), invalidParameter, notNumber},
		{"SendMessage", number("1e-129"), invalidParameter, notNumber},
		{"SendMessage", number("1e-999"), invalidParameter, notNumber},
		{"SendMessage", number(strings.Repeat("1", 39)), invalidParameter, notNumber},
		{"SendMessage", number("Infinity"), invalidParameter, notNumber},
		{"SendMessage", system(`"Colour":` + str), invalidParameter, "Message system attribute name 'Colour' is invalid."},
		{"SendMessage", system(`"AWSTraceHeader":{"DataType":"Number","StringValue":"1"}`), invalidParameter, "Message (system) attribute 'AWSTraceHeader' must have type 'String'."},
		{"SendMessage", system(`"AWSTraceHeader":{"DataType":"String","StringValue":""}`), invalidParameter, "Message (system) attribute 'AWSTraceHeader' must contain a non-empty value of type 'String'."},
		{"SendMessage", system(`"AWSTraceHeader":{"StringValue":"1"}`), invalidParameter, "Message (system) attribute 'AWSTraceHeader' must contain a non-empty attribute type."},
	}
	refuse(t, rows, func(e *env) { e.create("q") })
	both(t, func(_ *testing.T, e *env, p awstest.Protocol) { // what is at the limits
		e.create("q")
		e.ok(p, "SendMessage", attributes(strings.Join(eleven[:10], ",")))
		e.ok(p, "SendMessage", named(strings.Repeat("a", 256)))
		e.ok(p, "SendMessage", named("a.B-c_9"))
		e.ok(p, "SendMessage", named("awsome"))
		e.ok(p, "SendMessage", valued(`"DataType":"Number.`+strings.Repeat("x", 249)+`","StringValue":"-1.5"`))
		e.ok(p, "SendMessage", valued(`"DataType":"Binary.png","BinaryValue":"AP8="`))
		e.ok(p, "SendMessage", number(strings.Repeat("1", 38)))
	})
}
