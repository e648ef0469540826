package bench

import (
	"encoding/json"
	"testing"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	var a answer
	parse := func(text string) {
		t.Helper()
		if err := a.parse([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	parse(``)
	parse(` { } `)
	parse(`{"QueueUrl":"http:\/\/h\/q"}`)
	if string(a.queueURL) != `http:\/\/h\/q` {
		t.Errorf("the queue's URL is %s", a.queueURL)
	}
	parse(`{"MD5OfMessageBody":"x","MessageId" : "m"}`)
	if string(a.messageID) != "m" || len(a.queueURL) != 0 {
		t.Errorf("got %s and what was there before: %s", a.messageID, a.queueURL)
	}
	parse(`{"Messages":[{"Body":"a\"}\\","MessageId":"1","ReceiptHandle":"r\"1","Attributes":{"x":[1,true,{"y":null}]}},{"MessageId":"2","ReceiptHandle":"r2"}]}`)
	if len(a.messages) != 2 || string(a.messages[0].receipt) != `r\"1` || string(a.messages[0].body) != `a\"}\\` || string(a.messages[1].id) != "2" {
		t.Errorf("got %q", a.messages)
	}
	parse(`{"Failed":[{"Id":"1","Code":"Bad"},{}],"Successful":[{"Id":"2","MessageId":"m"},{"Id":"3"}]}`)
	if a.failed != 2 || string(a.failure) != `{"Id":"1","Code":"Bad"}` || a.successful != 2 || a.identified != 1 || len(a.messages) != 0 {
		t.Errorf("got %+v", &a)
	}
	for _, text := range []string{`x`, `[]`, `{`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1}x`, `{"a":"}`, `{"Messages":{}}`, `{"MessageId":1}`, `{"a":[1}`} {
		if a.parse([]byte(text)) == nil {
			t.Errorf("%s is taken", text)
		}
	}
}

// FuzzAnswer compares with encoding/json.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"Messages":[{"Body":"a\"}\\","MessageId":"1","ReceiptHandle":"r\"1","Attributes":{"x":[1,true]}}]}`))
	f.Add([]byte(`{"Failed":[{"Id":"1"}],"Successful":[{"Id":"2","MessageId":"m"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var a answer
		err := a.parse(text)
		var want map[string]json.RawMessage
		if json.Unmarshal(text, &want) != nil || want == nil {
			return
		}
		if err != nil {
			// Where the types are others than SQS has, or there is more nesting, it may refuse.
			return
		}
		var id string
		if json.Unmarshal(want["MessageId"], &id) == nil && (id == "") != (len(a.messageID) == 0) {
			t.Errorf("the message ID of %s is %q", text, a.messageID)
		}
	})
}
