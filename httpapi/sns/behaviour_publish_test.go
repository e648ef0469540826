package sns_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
	"github.com/signalbox-mq/signalbox/queue"
)

// message is an input of Publish to the topic t.
func message(member string) string { return `{"TopicArn":"` + topicARN("t") + `",` + member + `}` }

// attribute is one of a message, and its value.
func attribute(name, value string) string {
	return `{"TopicArn":"` + topicARN("t") + `","Message":"m","MessageAttributes":{` + awstest.Quoted(name) + `:` + value + `}}`
}

func TestWhatIsNoMessage(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.topic("t")
	e.topic("f.fifo")
	e.ok("CreateTopic", `{"Name":"d.fifo","Attributes":{"FifoTopic":"true"}}`)
	fifo := func(name, member string) string {
		return `{"TopicArn":"` + topicARN(name) + `","Message":"m"` + member + `}`
	}
	const structure = "Invalid parameter: Message Structure - "
	const order = "it can only include alphanumeric and punctuation characters. 1 to 128 in length."
	e.refuse([]refusal{
		{"Publish", message(`"Message":""`), invalidParameter, "Invalid parameter: Empty message"},
		{"Publish", message(`"Message":"m","Subject":""`), invalidParameter, "Invalid parameter: Subject"},
		{"Publish", message(`"Message":"m","Subject":"a\nb"`), invalidParameter, "Invalid parameter: Subject"},
		{"Publish", message(`"Message":"m","Subject":"` + strings.Repeat("a", 101) + `"`), invalidParameter, "Invalid parameter: Subject"},
		{"Publish", message(`"Message":"` + strings.Repeat("a", 262145) + `"`), invalidParameter, "Invalid parameter: Message too long"},
		{"Publish", message(`"Message":"` + strings.Repeat("a", 262144) + `","MessageAttributes":{"a":{"DataType":"String","StringValue":"b"}}`), invalidParameter, "Invalid parameter: Message too long"},
		{"Publish", message(`"Message":"m","MessageStructure":"xml"`), invalidParameter, "Invalid parameter: MessageStructure"},
		{"Publish", message(`"Message":"m","MessageStructure":"json"`), invalidParameter, structure + "JSON message body failed to parse"},
		{"Publish", message(`"Message":"[]","MessageStructure":"json"`), invalidParameter, structure + "JSON message body failed to parse"},
		{"Publish", message(`"Message":"{\"default\":\"a\",\"default\":\"b\"}","MessageStructure":"json"`), invalidParameter, structure + "JSON message body failed to parse"},
		{"Publish", message(`"Message":"{\"sqs\":\"a\"}","MessageStructure":"json"`), invalidParameter, structure + "No default entry in JSON message body"},
		{"Publish", message(`"Message":"{\"default\":1}","MessageStructure":"json"`), invalidParameter, structure + "No default entry in JSON message body"},
		{"Publish", message(`"Message":"m","MessageDeduplicationId":"d"`), invalidParameter, "Invalid parameter: MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type"},
		{"Publish", message(`"Message":"m","MessageGroupId":"a b"`), invalidParameter, "Invalid parameter: MessageGroupId Reason: " + order},
		{"Publish", fifo("f.fifo", ""), invalidParameter, "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"},
		{"Publish", fifo("d.fifo", `,"MessageGroupId":"g"`), invalidParameter, "Invalid parameter: The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"},
		{"Publish", fifo("d.fifo", `,"MessageGroupId":"g","MessageDeduplicationId":"é"`), invalidParameter, "Invalid parameter: MessageDeduplicationId Reason: " + order},
		{"Publish", `{"Message":"m"}`, invalidParameter, "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter"},
		{"Publish", `{"Message":"m","PhoneNumber":"+15555550100"}`, invalidParameter, "Invalid parameter: PhoneNumber Reason: The router sends no text messages"},
		{"Publish", `{"Message":"m","TargetArn":"x"}`, invalidParameter, "Invalid parameter: TargetArn Reason: An ARN must have at least 6 elements, not 1"},
		{"Publish", `{"Message":"m","TargetArn":"` + topicARN("none") + `"}`, invalidParameter, "Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified"},
		{"Publish", `{"Message":"m","TargetArn":"arn:aws:sns:us-east-1:000000000000:endpoint/GCM/a/b"}`, invalidParameter, "Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified"},
		{"Publish", message(`"Message":"m","TargetArn":"` + topicARN("f.fifo") + `"`), invalidParameter, "Invalid parameter: TopicArn or TargetArn Reason: only one of them can be given"},
		{"Publish", `{"TopicArn":"` + topicARN("t") + `"}`, validationError, "1 validation error detected: Value null at 'message' failed to satisfy constraint: Member must not be null"},
	})
	for _, fine := range []string{
		message(`"Message":"` + strings.Repeat("a", 262144) + `"`), message(`"Message":"m","Subject":"` + strings.Repeat("é", 100) + `"`),
		`{"TargetArn":"` + topicARN("t") + `","Message":"m"}`, message(`"TargetArn":"` + topicARN("t") + `","Message":"m"`),
		message(`"Message":"\u0000\r\n<&>"`), message(`"Message":"m","MessageGroupId":"tenant"`),
	} {
		if id := e.ok("Publish", fine).Text("MessageId"); len(id) != 36 {
			t.Errorf("%s: the id is %q", awstest.Short(fine), id)
		}
	}
}

// TestMaximumMessageSize: a topic may take more, or less.
func TestMaximumMessageSize(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	arn := e.topic("t")
	set := func(value string) {
		e.ok("SetTopicAttributes", `{"TopicArn":"`+arn+`","AttributeName":"MaximumMessageSize","AttributeValue":"`+value+`"}`)
	}
	set("1048576")
	e.ok("Publish", message(`"Message":"`+strings.Repeat("a", 1048576)+`"`))
	set("1024")
	e.call("Publish", message(`"Message":"`+strings.Repeat("a", 1025)+`"`)).Is("above", invalidParameter, "Invalid parameter: Message too long")
	set("")
	e.ok("Publish", message(`"Message":"`+strings.Repeat("a", 262144)+`"`))
}

// TestMessageAttributes has the texts of every way in which an attribute can be wrong.
func TestMessageAttributes(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.topic("t")
	str := `{"DataType":"String","StringValue":"v"}`
	const character = "Invalid non-alphanumeric character '%s' was found in the message attribute name. Can only include alphanumeric characters, hyphens, underscores, or dots."
	const prefixes = "The message attribute 'a' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."
	e.refuse([]refusal{
		{"Publish", attribute(".a", str), parameterValueInvalid, "Invalid message attribute name starting with character '.' was found."},
		{"Publish", attribute("a.", str), parameterValueInvalid, "Invalid message attribute name ending with character '.' was found."},
		{"Publish", attribute("a..b", str), parameterValueInvalid, "Message attribute name can not have successive '.' character."},
		{"Publish", attribute("a^b", str), parameterValueInvalid, fmt.Sprintf(character, "#x5E")},
		{"Publish", attribute("a é", str), parameterValueInvalid, fmt.Sprintf(character, "#x20")},
		{"Publish", attribute(strings.Repeat("a", 257), str), parameterValueInvalid, "Length of message attribute name must be less than 256 bytes."},
		{"Publish", attribute("a", `{"DataType":"Text","StringValue":"v"}`), parameterValueInvalid, prefixes},
		{"Publish", attribute("a", `{"DataType":"","StringValue":"v"}`), parameterValueInvalid, prefixes},
		{"Publish", attribute("a", `{"DataType":"Stringly","StringValue":"v"}`), parameterValueInvalid, prefixes},
		{"Publish", attribute("a", `{"DataType":"String","StringValue":""}`), parameterValueInvalid, "The message attribute 'a' must contain non-empty message attribute value for message attribute type 'String'."},
		{"Publish", attribute("a", `{"DataType":"String"}`), parameterValueInvalid, "The message attribute 'a' must contain non-empty message attribute value for message attribute type 'String'."},
		{"Publish", attribute("a", `{"DataType":"Binary","BinaryValue":""}`), parameterValueInvalid, "The message attribute 'a' must contain non-empty message attribute value for message attribute type 'Binary'."},
		{"Publish", attribute("a", `{"DataType":"Binary","StringValue":"v"}`), parameterValueInvalid, "The message attribute 'a' with type 'Binary' must use field 'Binary'."},
		{"Publish", attribute("a", `{"DataType":"Number","BinaryValue":"AA=="}`), parameterValueInvalid, "The message attribute 'a' with type 'Number' must use field 'String'."},
		{"Publish", attribute("a", `{"StringValue":"v"}`), validationError, "1 validation error detected: Value null at 'messageAttributes.a.member.dataType' failed to satisfy constraint: Member must not be null"},
		{"Publish", attribute("a", `{"DataType":"Binary","BinaryValue":"*"}`), "MalformedInput", "BinaryValue must be base64"},
	})
	for name, value := range map[string]string{
		"a.b-c_9": str, strings.Repeat("a", 256): str, "list": `{"DataType":"String.Array","StringValue":"[\"a\",1,null]"}`, "own": `{"DataType":"Number.mine","StringValue":"1.5"}`,
		"bytes": `{"DataType":"Binary","BinaryValue":"AAEC"}`,
	} {
		e.ok("Publish", attribute(name, value))
	}
}

// TestNumbers: a Number must be one.
func TestNumbers(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.topic("t")
	for _, value := range []string{"seven", "1e", "0x10", "NaN"} {
		e.call("Publish", attribute("a", `{"DataType":"Number","StringValue":"`+value+`"}`)).Is(value, parameterValueInvalid, "Could not cast message attribute 'a' value to number.")
	}
	for _, value := range []string{"7", "-1.5e3", "+.5"} {
		e.ok("Publish", attribute("a", `{"DataType":"Number","StringValue":"`+value+`"}`))
	}
}

// envelope is what a queue gets without raw delivery.
func envelope(t *testing.T, m *queue.Message) (members []string, values map[string]any) {
	t.Helper()
	if err := json.Unmarshal(m.Body, &values); err != nil {
		t.Fatalf("%v in %s", err, m.Body)
	}
	for line := range strings.SplitSeq(string(m.Body), "\n") {
		if name, _, ok := strings.Cut(line, " : "); ok && strings.HasPrefix(line, `  "`) && !strings.HasPrefix(line, "   ") {
			members = append(members, strings.Trim(name, ` "`))
		}
	}
	return members, values
}

// TestDeliveredToQueues has the envelope and raw delivery, of a message with everything.
func TestDeliveredToQueues(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.topic("t")
	e.queue("wrapped")
	e.queue("raw")
	subscription := e.subscribe("t", "wrapped")
	e.subscribe("t", "raw", `"Attributes":{"RawMessageDelivery":"true"}`)
	const attributes = `"MessageAttributes":{"b":{"DataType":"Binary","BinaryValue":"AAEC"},"n":{"DataType":"Number","StringValue":"7"},"l":{"DataType":"String.Array","StringValue":"[\"x\"]"}}`
	id := e.ok("Publish", message(`"Message":"hello\n","Subject":"s",`+attributes), "X-Amzn-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793").Text("MessageId")
	wrapped := e.messages("wrapped")
	if len(wrapped) != 1 || len(wrapped[0].Attributes) != 0 {
		t.Fatalf("the queue got %+v", wrapped)
	}
	members, values := envelope(t, &wrapped[0])
	want := []string{"Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "SignatureVersion", "Signature", "SigningCertURL", "UnsubscribeURL", "MessageAttributes"}
	if !slices.Equal(members, want) {
		t.Errorf("the envelope has %v", members)
	}
	for name, value := range map[string]any{
		"Type": "Notification", "MessageId": id, "TopicArn": topicARN("t"), "Subject": "s", "Message": "hello\n", "SignatureVersion": "1",
		"UnsubscribeURL": base + "/?Action=Unsubscribe&SubscriptionArn=" + subscription,
	} {
		if values[name] != value {
			t.Errorf("%s is %v, want %v", name, values[name], value)
		}
	}
	if got := fmt.Sprint(values["MessageAttributes"]); got != "map[b:map[Type:Binary Value:AAEC] l:map[Type:String.Array Value:[\"x\"]] n:map[Type:Number Value:7]]" {
		t.Errorf("the attributes are %s", got)
	}
	raw := e.messages("raw")
	if len(raw) != 1 || string(raw[0].Body) != "hello\n" || len(raw[0].Attributes) != 3 {
		t.Fatalf("the queue got %+v", raw)
	}
	for _, m := range []queue.Message{wrapped[0], raw[0]} {
		if a, _ := m.SystemAttribute("AWSTraceHeader"); string(a.Value) != "Root=1-5759e988-bd862e3fe1be46a994272793" {
			t.Errorf("the trace is %q", a.Value)
		}
	}
	e.ok("Publish", message(`"Message":"m"`))
	members, _ = envelope(t, &e.messages("wrapped")[1])
	if slices.Contains(members, "Subject") || slices.Contains(members, "MessageAttributes") {
		t.Errorf("without them the envelope has %v", members)
	}
}

// TestPerProtocol: each protocol gets its own text, or the default one.
func TestPerProtocol(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.topic("t")
	e.queue("q")
	e.subscribe("t", "q", `"Attributes":{"RawMessageDelivery":"true"}`)
	for body, want := range map[string]string{
		`{"default":"d","sqs":"mine","http":"h","fax":"f","email":{"x":1}}`: "mine",
		`{"default":"d","http":"h"}`:                                        "d",
		`{"default":"d","sqs":7}`:                                           "d",
	} {
		e.ok("Publish", message(`"MessageStructure":"json","Message":`+awstest.Quoted(body)))
		if got := e.messages("q"); string(got[len(got)-1].Body) != want {
			t.Errorf("%s: the queue got %s", body, got[len(got)-1].Body)
		}
	}
}

func TestPublishBatch(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.topic("t")
	e.topic("f.fifo")
	e.queue("q")
	e.subscribe("t", "q", `"Attributes":{"RawMessageDelivery":"true"}`)
	batch := func(name string, entries ...string) string {
		return `{"TopicArn":"` + topicARN(name) + `","PublishBatchRequestEntries":[` + strings.Join(entries, ",") + `]}`
	}
	many := make([]string, 11)
	for i := range many {
		many[i] = fmt.Sprintf(`{"Id":"%d","Message":"m"}`, i)
	}
	long := strings.Repeat("a", 81)
	half := strings.Repeat("a", 131073)
	e.refuse([]refusal{
		{"PublishBatch", batch("t"), "EmptyBatchRequest", "The batch request doesn't contain any entries."},
		{"PublishBatch", batch("t", many...), "TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible."},
		{"PublishBatch", batch("t", many[0], many[0]), "BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id."},
		{"PublishBatch", batch("t", `{"Id":"a.b","Message":"m"}`), "InvalidBatchEntryId", "The Id of a batch entry in the batch request contains an impermissible character: a.b"},
		{"PublishBatch", batch("t", `{"Id":"`+long+`","Message":"m"}`), "InvalidBatchEntryId", "The Id of a batch entry in the batch request is too long: " + long},
		{"PublishBatch", batch("t", `{"Id":"1","Message":"`+half+`"}`, `{"Id":"2","Message":"`+half+`"}`), "BatchRequestTooLong", "The length of all the messages put together is more than the limit."},
		{"PublishBatch", batch("f.fifo", `{"Id":"1","Message":"m","MessageGroupId":"g"}`, `{"Id":"2","Message":"m"}`), invalidParameter, "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"},
		{"PublishBatch", batch("t", many[0], `{"Id":"x","Message":"m","MessageAttributes":{".":{"DataType":"String","StringValue":"v"}}}`), parameterValueInvalid, "Invalid message attribute name starting with character '.' was found."},
		{"PublishBatch", batch("t", `{"Id":"x"}`), validationError, "1 validation error detected: Value null at 'publishBatchRequestEntries.1.member.message' failed to satisfy constraint: Member must not be null"},
	})
	if got := e.messages("q"); len(got) != 0 {
		t.Errorf("a batch that was refused left %+v", got)
	}
	a := e.ok("PublishBatch", batch("t",
		`{"Id":"one","Message":"1"}`, `{"Id":"empty","Message":""}`, `{"Id":"subject","Message":"m","Subject":""}`, `{"Id":"structure","Message":"{}","MessageStructure":"json"}`,
		`{"Id":"dedup","Message":"m","MessageDeduplicationId":"d"}`, `{"Id":"two","Message":"2","MessageGroupId":"g"}`))
	if got := a.Texts("Id"); !slices.Equal(got, []string{"one", "two", "empty", "subject", "structure", "dedup"}) {
		t.Errorf("answered about %v", got)
	}
	if ids, codes, faults := a.Texts("MessageId"), a.Texts("Code"), a.Texts("SenderFault"); len(ids) != 2 || len(codes) != 4 || codes[0] != invalidParameter || faults[0] != "true" {
		t.Errorf("answered %s", a.Body)
	}
	var bodies []string
	for _, m := range e.messages("q") {
		bodies = append(bodies, string(m.Body))
	}
	if !slices.Equal(slices.Sorted(slices.Values(bodies)), []string{"1", "2"}) {
		t.Errorf("the queue has %v", bodies)
	}
	if a := e.ok("PublishBatch", batch("t", `{"Id":"1","Message":""}`)); !strings.Contains(a.Body, "<Successful></Successful><Failed><member>") {
		t.Errorf("answered %s", a.Body)
	}
	full := make([]string, 10) // as many parameters as a request can need
	for i := range full {
		var attributes []string
		for k := range 100 {
			attributes = append(attributes, fmt.Sprintf(`"a%d":{"DataType":"String","StringValue":"v"}`, k))
		}
		full[i] = fmt.Sprintf(`{"Id":"%d","Message":"m","Subject":"s","MessageGroupId":"g","MessageAttributes":{%s}}`, i, strings.Join(attributes, ","))
	}
	e.ok("PublishBatch", batch("t", full...))
	if a := e.ok("PublishBatch", batch("t", many[:10]...)); !strings.Contains(a.Body, "<Failed></Failed>") || len(a.Texts("MessageId")) != 10 {
		t.Errorf("answered %s", a.Body)
	}
}

// TestFIFO: numbers rise, repeats are answered with the first message, and queues get group, number and no signature.
func TestFIFO(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	arn := e.topic("f.fifo")
	e.queue("q.fifo")
	e.queue("plain")
	e.subscribe("f.fifo", "q.fifo")
	e.subscribe("f.fifo", "plain", `"Attributes":{"RawMessageDelivery":"true"}`)
	publish := func(body, more string) (id, sequence string) {
		a := e.ok("Publish", `{"TopicArn":"`+arn+`","Message":"`+body+`","MessageGroupId":"g"`+more+`}`)
		return a.Text("MessageId"), a.Text("SequenceNumber")
	}
	id1, n1 := publish("a", "")
	_, n2 := publish("b", "")
	if len(n1) != 20 || n2 <= n1 {
		t.Errorf("the numbers are %s, %s", n1, n2)
	}
	if id, n := publish("a", ""); id != id1 || n != n1 {
		t.Errorf("a repeat was answered %s %s, the first %s %s", id, n, id1, n1)
	}
	id3, _ := publish("a", `,"MessageDeduplicationId":"other"`)
	if id3 == id1 {
		t.Error("another deduplication id made a repeat")
	}
	got := e.messages("q.fifo")
	if len(got) != 3 {
		t.Fatalf("the FIFO queue got %d", len(got))
	}
	members, values := envelope(t, &got[0])
	if !slices.Equal(members, []string{"Type", "MessageId", "SequenceNumber", "TopicArn", "Message", "Timestamp", "UnsubscribeURL"}) || values["SequenceNumber"] != n1 || got[0].Group != "g" {
		t.Errorf("the queue got %v, group %q", values, got[0].Group)
	}
	if got := e.messages("plain"); len(got) != 3 || string(got[2].Body) != "a" {
		t.Errorf("the standard queue got %+v", got)
	}
	a := e.ok("PublishBatch", `{"TopicArn":"`+arn+`","PublishBatchRequestEntries":[{"Id":"1","Message":"x","MessageGroupId":"g"},{"Id":"2","Message":"x","MessageGroupId":"g"},{"Id":"3","Message":"y","MessageGroupId":"h"}]}`)
	if ids := a.Texts("MessageId"); len(ids) != 3 || ids[0] != ids[1] || ids[2] == ids[0] || len(a.Texts("SequenceNumber")) != 3 {
		t.Errorf("answered %s", a.Body)
	}
}

// TestFilters: what passes a policy and what does not, by attributes and by the body.
func TestFilters(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.topic("t")
	policies := map[string]string{
		"any":      `{}`,
		"exact":    `{"colour":["red"]}`,
		"list":     `{"tags":["b"]}`,
		"number":   `{"n":[{"numeric":[">",1,"<=",5]}]}`,
		"absent":   `{"colour":[{"exists":false}]}`,
		"either":   `{"$or":[{"colour":["red"]},{"n":[9]}]}`,
		"body":     `{"order":{"total":[{"numeric":[">=",100]}]}}`,
		"bodylist": `{"items":{"sku":["x"]}}`,
	}
	for name, policy := range policies {
		e.queue(name)
		scope := "MessageAttributes"
		if strings.HasPrefix(name, "body") {
			scope = "MessageBody"
		}
		e.subscribe("t", name, `"Attributes":{"RawMessageDelivery":"true","FilterPolicy":`+awstest.Quoted(policy)+`,"FilterPolicyScope":"`+scope+`"}`)
	}
	red := `"MessageAttributes":{"colour":{"DataType":"String","StringValue":"red"},"n":{"DataType":"Number","StringValue":"5"}}`
	tags := `"MessageAttributes":{"colour":{"DataType":"String","StringValue":"blue"},"tags":{"DataType":"String.Array","StringValue":"[\"a\",\"b\"]"},"n":{"DataType":"Number","StringValue":"9"}}`
	e.ok("Publish", message(`"Message":"m1",`+red))
	e.ok("Publish", message(`"Message":"m2",`+tags))
	e.ok("Publish", message(`"Message":`+awstest.Quoted(`{"order":{"total":100},"items":[{"sku":"y"},{"sku":"x"}]}`)))
	want := map[string]int{"any": 3, "exact": 1, "list": 1, "number": 1, "absent": 1, "either": 2, "body": 1, "bodylist": 1}
	got := map[string]int{}
	for name := range policies {
		got[name] = len(e.messages(name))
	}
	if !maps.Equal(got, want) {
		t.Errorf("the queues got %v, want %v", got, want)
	}
}

// TestTooManyAttributesForRaw: a queue takes ten; a message with more is a dead letter.
func TestTooManyAttributesForRaw(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.topic("t")
	e.queue("q")
	e.queue("dead")
	e.subscribe("t", "q", `"Attributes":{"RawMessageDelivery":"true","RedrivePolicy":`+awstest.Quoted(`{"deadLetterTargetArn":"`+queueARN("dead")+`"}`)+`}`)
	many := make([]string, 11)
	for i := range many {
		many[i] = fmt.Sprintf(`"a%d":{"DataType":"String","StringValue":"v"}`, i)
	}
	e.ok("Publish", message(`"Message":"m","MessageAttributes":{`+strings.Join(many, ",")+`}`))
	e.ok("Publish", message(`"Message":"m","MessageAttributes":{`+strings.Join(many[:10], ",")+`}`))
	if queued, dead := e.messages("q"), e.messages("dead"); len(queued) != 1 || len(dead) != 1 || string(dead[0].Body) != "m" {
		t.Errorf("the queue has %d, and dead are %+v", len(queued), dead)
	}
}
