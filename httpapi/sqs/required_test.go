package sqs_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// examples has for each operation an input with every member that there is, which is valid but for what it names.
func examples() map[string]string {
	const (
		arn     = `"arn:aws:sqs:us-east-1:000000000000:q"`
		value   = `{"DataType":"String","StringValue":"v","BinaryValue":"dg==","StringListValues":["a"],"BinaryListValues":["dg=="]}`
		message = `"MessageBody":"b","DelaySeconds":0,"MessageAttributes":{"a":` + value + `},"MessageSystemAttributes":{"AWSTraceHeader":` + value + `},
			"MessageDeduplicationId":"d","MessageGroupId":"g"`
		page = `"NextToken":"cQ","MaxResults":1`
	)
	return map[string]string{
		"AddPermission":                `{"QueueUrl":"q","Label":"l","AWSAccountIds":["000000000001"],"Actions":["SendMessage"]}`,
		"CancelMessageMoveTask":        `{"TaskHandle":"h"}`,
		"ChangeMessageVisibility":      `{"QueueUrl":"q","ReceiptHandle":"h","VisibilityTimeout":1}`,
		"ChangeMessageVisibilityBatch": `{"QueueUrl":"q","Entries":[{"Id":"i","ReceiptHandle":"h","VisibilityTimeout":1}]}`,
		"CreateQueue":                  `{"QueueName":"q","Attributes":{"VisibilityTimeout":"30"},"tags":{"k":"v"}}`,
		"DeleteMessage":                `{"QueueUrl":"q","ReceiptHandle":"h"}`,
		"DeleteMessageBatch":           `{"QueueUrl":"q","Entries":[{"Id":"i","ReceiptHandle":"h"}]}`,
		"DeleteQueue":                  `{"QueueUrl":"q"}`,
		"GetQueueAttributes":           `{"QueueUrl":"q","AttributeNames":["All"]}`,
		"GetQueueUrl":                  `{"QueueName":"q","QueueOwnerAWSAccountId":"000000000000"}`,
		"ListDeadLetterSourceQueues":   `{"QueueUrl":"q",` + page + `}`,
		"ListMessageMoveTasks":         `{"SourceArn":` + arn + `,"MaxResults":1}`,
		"ListQueueTags":                `{"QueueUrl":"q"}`,
		"ListQueues":                   `{"QueueNamePrefix":"q",` + page + `}`,
		"PurgeQueue":                   `{"QueueUrl":"q"}`,
		"ReceiveMessage": `{"QueueUrl":"q","AttributeNames":["All"],"MessageSystemAttributeNames":["All"],"MessageAttributeNames":["All"],
			"MaxNumberOfMessages":1,"VisibilityTimeout":1,"WaitTimeSeconds":0,"ReceiveRequestAttemptId":"r"}`,
		"RemovePermission":     `{"QueueUrl":"q","Label":"l"}`,
		"SendMessage":          `{"QueueUrl":"q",` + message + `}`,
		"SendMessageBatch":     `{"QueueUrl":"q","Entries":[{"Id":"i",` + message + `}]}`,
		"SetQueueAttributes":   `{"QueueUrl":"q","Attributes":{"VisibilityTimeout":"30"}}`,
		"StartMessageMoveTask": `{"SourceArn":` + arn + `,"DestinationArn":` + arn + `,"MaxNumberOfMessagesPerSecond":1}`,
		"TagQueue":             `{"QueueUrl":"q","Tags":{"k":"v"}}`,
		"UntagQueue":           `{"QueueUrl":"q","TagKeys":["k"]}`,
	}
}

// example is an operation's example as a tree, to be changed.
func example(t *testing.T, operation string) map[string]any {
	t.Helper()
	var tree map[string]any
	if err := json.Unmarshal([]byte(examples()[operation]), &tree); err != nil {
		t.Fatalf("%s: %v", operation, err)
	}
	return tree
}

// visit calls f for each member of a shape of the model and of what is in it. at is where the member's shape is in a tree: names
// of members; "0" for the first element of a list, and the key for a map's entry.
func (m *model) visit(t *testing.T, shape string, at []string, tree any, f func(shape, member string, at []string)) {
	t.Helper()
	s := m.Shapes[shape]
	for name, member := range s.Members {
		f(shape, name, at)
		value, ok := tree.(map[string]any)[name]
		if !ok {
			t.Errorf("the example lacks %s.%s", shape, name)
			continue
		}
		of := m.Shapes[member.Shape]
		here := append(slices.Clone(at), name)
		switch of.Type {
		case "list":
			if m.Shapes[of.Member.Shape].Type == "structure" {
				m.visit(t, of.Member.Shape, append(here, "0"), value.([]any)[0], f)
			}
		case "map":
			if m.Shapes[of.Value.Shape].Type == "structure" {
				for key, entry := range value.(map[string]any) {
					m.visit(t, of.Value.Shape, append(here, key), entry, f)
				}
			}
		case "structure":
			m.visit(t, member.Shape, here, value, f)
		}
	}
}

// find goes down a tree.
func find(tree any, at []string) map[string]any {
	for _, step := range at {
		switch node := tree.(type) {
		case map[string]any:
			tree = node[step]
		case []any:
			tree = node[0]
		}
	}
	return tree.(map[string]any)
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestEveryRequiredMember leaves out each one that the model requires.
func TestEveryRequiredMember(t *testing.T) {
	t.Parallel()
	m := readModel(t, modelJSON)
	both(t, func(t *testing.T, e *env, p protocol) {
		e.create("q")
		for name, op := range m.Operations {
			m.visit(t, op.Input.Shape, nil, example(t, name), func(shape, member string, at []string) {
				if !slices.Contains(m.Shapes[shape].Required, member) {
					return
				}
				tree := example(t, name)
				delete(find(tree, at), member)
				path := place(name, append(slices.Clone(at), member))
				want, text := "MissingParameter", "The request must contain the parameter "+path+"."
				switch {
				case member == "Entries":
					want, text = "AWS.SimpleQueueService.EmptyBatchRequest", "There should be at least one "+name+"RequestEntry in the request."
				case member == "DataType":
					return // see TestConstraints: a batch tells of it in the entry, and it has a text of its own
				}
				a := e.call(p, name, toJSON(t, tree))
				if a.status != 400 || a.code != want || a.message != text {
					t.Errorf("%s without %s: answered %d %s %q, want %s %q", name, path, a.status, a.code, a.message, want, text)
				}
			})
		}
	})
}

// place is how an error names a place in an input.
func place(operation string, at []string) string {
	b := &formWriter{operation: operation}
	var parts []string
	for i, step := range at {
		switch {
		case step == "0":
			parts = append(parts, "1")
		case step == "Entries" || step == "AWSAccountIds" || step == "Actions" || step == "TagKeys":
			parts = append(parts, b.flat(step))
		case i == len(at)-1 && (step == "Attributes" || step == "Tags"):
			parts = append(parts, b.flat(step))
		default:
			parts = append(parts, step)
		}
	}
	return strings.Join(parts, ".")
}

// TestEveryMemberOfAnotherType gives each member a value of another JSON type.
func TestEveryMemberOfAnotherType(t *testing.T) {
	t.Parallel()
	m := readModel(t, modelJSON)
	e := newEnv(t)
	e.create("q")
	for name, op := range m.Operations {
		tried := 0
		m.visit(t, op.Input.Shape, nil, example(t, name), func(shape, member string, at []string) {
			for _, wrong := range m.wrong(m.Shapes[shape].Members[member].Shape) {
				tree := example(t, name)
				find(tree, at)[member] = json.RawMessage(wrong)
				a := e.call(overJSON, name, toJSON(t, tree))
				if a.status != 400 || a.shape != "com.amazon.coral.service#SerializationException" || !strings.Contains(a.message, member) {
					t.Errorf("%s with %s %s: answered %d %s", name, member, wrong, a.status, a.body)
				}
				tried++
			}
		})
		if tried == 0 {
			t.Errorf("%s has no member to try", name)
		}
	}
}

// wrong are values of JSON that a shape does not have.
func (m *model) wrong(shape string) []string {
	s := m.Shapes[shape]
	switch s.Type {
	case "string":
		return []string{`1`, `true`, `{}`, `[]`, `["x"]`}
	case "blob":
		return []string{`1`, `[]`, `"*"`}
	case "integer", "long":
		return []string{`"1"`, `1.5`, `true`, `[]`, `{}`, `1e99`}
	case "boolean":
		return []string{`"true"`, `1`}
	case "structure":
		return []string{`"x"`, `1`, `[]`, `true`}
	case "list":
		all := []string{`"x"`, `1`, `{}`, `true`}
		for _, wrong := range m.wrong(s.Member.Shape) {
			if m.Shapes[s.Member.Shape].Type != "blob" || wrong != `"*"` { // which are read as texts
				all = append(all, "["+wrong+"]")
			}
		}
		return all
	case "map":
		all := []string{`"x"`, `1`, `[]`, `true`}
		for _, wrong := range m.wrong(s.Value.Shape) {
			all = append(all, `{"k":`+wrong+`}`)
		}
		return all
	}
	panic(fmt.Sprintf("a member of type %q", s.Type))
}

// TestRequiredOnAQueuesPath checks that the path of a queue stands for QueueUrl and for nothing else.
func TestRequiredOnAQueuesPath(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("q")
	for query, want := range map[string]string{
		"Action=SendMessage": "MessageBody",
		"Action=SendMessageBatch&SendMessageBatchRequestEntry.1.Id=a": "SendMessageBatchRequestEntry.1.MessageBody",
		"Action=AddPermission&Label=x":                                "AWSAccountId",
		"Action=SetQueueAttributes":                                   "Attribute",
		"Action=TagQueue":                                             "Tag",
		"Action=UntagQueue":                                           "TagKey",
		"Action=DeleteMessage":                                        "ReceiptHandle",
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, base+"/000000000000/q?"+query, nil)
		a := e.do(r)
		if a.status != http.StatusBadRequest || !strings.Contains(a.body, "The request must contain the parameter "+want+".") {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
}
