package tests

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// call makes a call with parameters that are texts and numbers, by hand: the SDK does not send a zero, nor what it knows to
// be wrong.
func (s *sqsScene) call(operation string, parameters map[string]any) *harness.Answer {
	s.t.Helper()
	if s.protocol == "json" {
		body, err := json.Marshal(parameters)
		s.ok(err, "encoding")
		return callJSON(s.router, operation, string(body))
	}
	form := url.Values{"Action": {operation}, "Version": {"2012-11-05"}}
	for name, value := range parameters {
		form.Set(name, fmt.Sprint(value))
	}
	return s.router.Do(http.MethodPost, "/", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, form.Encode())
}

// callJSON makes a call in JSON by hand.
func callJSON(r *harness.Router, operation, body string) *harness.Answer {
	return r.Do(http.MethodPost, "/", map[string]string{"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS." + operation}, body)
}

// refused wants an answer by hand to be an error: of a code of Query, and of a text.
func (s *sqsScene) refused(a *harness.Answer, code, message string) {
	s.t.Helper()
	if s.protocol == "json" {
		var e struct{ Message string }
		err := json.Unmarshal(a.Body, &e)
		if got := strings.Join(a.Header["X-Amzn-Query-Error"], ""); err != nil || got != code+";Sender" || e.Message != message {
			s.t.Errorf("answered %s: %s, want %s: %s", got, a, code, message)
		}
		return
	}
	if !strings.Contains(string(a.Body), "<Code>"+code+"</Code><Message>"+xmlText(message)+"</Message><Detail/>") {
		s.t.Errorf("answered %s, want %s: %s", a, code, message)
	}
}

// xmlText escapes as the answers do.
func xmlText(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(text)
}

// TestSQSErrorsInJSON checks what a JSON error is made of, which SDKs read in different ways.
func TestSQSErrorsInJSON(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{})
	url := newScene(t, r, "json", "errors").create("a")
	id := regexp.MustCompile(`^[0-9a-f-]{36}$`)
	for _, test := range []struct {
		operation, body string
		status          int
		answer, code    string
	}{
		{"GetQueueUrl", `{"QueueName": "none"}`, 400, `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}`, "AWS.SimpleQueueService.NonExistentQueue;Sender"},
		{"SendMessage", `{"QueueUrl": "` + url + `"}`, 400, `{"__type":"com.amazon.coral.service#MissingRequiredParameterException","message":"The request must contain the parameter MessageBody."}`, "MissingParameter;Sender"},
		{"ReceiveMessage", `{"QueueUrl": "` + url + `", "MaxNumberOfMessages": 11}`, 400, `{"__type":"com.amazon.coral.service#InvalidParameterValueException","message":"Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."}`, "InvalidParameterValue;Sender"},
		{"DeleteMessage", `{"QueueUrl": "` + url + `", "ReceiptHandle": "x"}`, 400, `{"__type":"com.amazonaws.sqs#ReceiptHandleIsInvalid","message":"The input receipt handle \"x\" is not a valid receipt handle."}`, "ReceiptHandleIsInvalid;Sender"},
	} {
		a := callJSON(r, test.operation, test.body)
		if a.Status != test.status || string(a.Body) != test.answer || strings.Join(a.Header["X-Amzn-Query-Error"], "") != test.code {
			t.Errorf("%s answered %v %s\nwant %d %s", test.operation, a.Header["X-Amzn-Query-Error"], a, test.status, test.answer)
		}
		if a.Header.Get("Content-Type") != "application/x-amz-json-1.0" || !id.MatchString(a.Header.Get("X-Amzn-Requestid")) {
			t.Errorf("%s answered the headers %v", test.operation, a.Header)
		}
	}
	for _, test := range []struct {
		operation, body string
		status          int
		shape           string
	}{
		{"Nonsense", `{}`, 404, "#UnknownOperationException"},
		{"ListQueues", `{`, 400, "#SerializationException"},
		{"ListQueues", `{"MaxResults": "ten"}`, 400, "#SerializationException"},
	} {
		if a := callJSON(r, test.operation, test.body); a.Status != test.status || !strings.Contains(string(a.Body), test.shape+`"`) {
			t.Errorf("%s %s answered %s, want %d %s", test.operation, test.body, a, test.status, test.shape)
		}
	}
	// Nothing is an empty object; members that nobody knows are let pass.
	if a := callJSON(r, "ReceiveMessage", `{"QueueUrl": "`+url+`", "Later": [1]}`); a.Status != 200 || string(a.Body) != "{}" {
		t.Errorf("an empty receive answered %s", a)
	}
	if a := callJSON(r, "PurgeQueue", `{"QueueUrl": "`+url+`"}`); a.Status != 200 || len(a.Body) != 0 {
		t.Errorf("an operation without output answered %s", a)
	}
}
