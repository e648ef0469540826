package sqs_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
	"github.com/signalbox-mq/signalbox/httpapi/sqs"
)

// signed is the header of a request by an account in a region. Nobody checks the signature.
func signed(account, region string) []string {
	return []string{"Authorization", "AWS4-HMAC-SHA256 Credential=" + account + "/20260101/" + region + "/sqs/aws4_request, SignedHeaders=host, Signature=0"}
}

// TestWaits purges a queue twice, and makes a queue again that was deleted, within 60 seconds and after.
func TestWaits(t *testing.T) {
	t.Parallel()
	for _, p := range protocols() {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := newEnvWaiting(t, sqs.Waits{Purge: time.Minute, Recreate: time.Minute})
				e.create("q", "other")
				purge, create := `{"QueueUrl":"q"}`, `{"QueueName":"q"}`
				e.ok(p, "PurgeQueue", purge)
				e.ok(p, "PurgeQueue", `{"QueueUrl":"other"}`)
				pass(t, time.Minute-time.Millisecond)
				e.call(p, "PurgeQueue", purge).Is("again", "PurgeQueueInProgress", "Only one PurgeQueue operation on q is allowed every 60 seconds.")
				pass(t, time.Millisecond)
				e.ok(p, "PurgeQueue", purge)

				e.ok(p, "DeleteQueue", purge)
				e.ok(p, "CreateQueue", create, signed(account, "eu-west-1")...) // which is another queue
				pass(t, time.Minute-time.Millisecond)
				e.call(p, "CreateQueue", create).Is("again", "QueueDeletedRecently", "You must wait 60 seconds after deleting a queue before you can create another with the same name.")
				pass(t, time.Millisecond)
				e.ok(p, "CreateQueue", create)
			})
		})
	}
	e := newEnv(t) // where nobody has to wait
	e.create("q")
	for range 2 {
		e.ok(overJSON, "PurgeQueue", `{"QueueUrl":"q"}`)
	}
	e.ok(overJSON, "DeleteQueue", `{"QueueUrl":"q"}`)
	e.create("q")
}

// pass lets time pass in a bubble of synctest.
func pass(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}

type urls struct {
	QueueURLs []string `json:"QueueUrls"`
	NextToken string
}

func TestPagesOfQueues(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	var want []string
	for i := range 7 {
		name := fmt.Sprintf("q%d", i)
		want = append(want, base+"/"+account+"/"+name)
		e.create(name)
	}
	e.create("a", "z")
	var got []string
	token := ""
	for pages := 1; ; pages++ {
		page := awstest.Decode[urls](e.ok(overJSON, "ListQueues", `{"QueueNamePrefix":"q","MaxResults":3,"NextToken":"`+token+`"}`))
		got = append(got, page.QueueURLs...)
		if token = page.NextToken; token == "" {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if page := awstest.Decode[urls](e.ok(overJSON, "ListQueues", `{"QueueNamePrefix":"q","MaxResults":7}`)); page.NextToken != "" || len(page.QueueURLs) != 7 {
		t.Errorf("a last page that is full: %+v", page)
	}
}

// TestManyQueues lists more queues than a page holds. Only who asks for pages is told that there is another.
func TestManyQueues(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for i := range 1001 {
		e.create(fmt.Sprintf("q%04d", i))
	}
	if page := awstest.Decode[urls](e.ok(overJSON, "ListQueues", `{}`)); len(page.QueueURLs) != 1000 || page.NextToken != "" {
		t.Errorf("%d queues, next %q", len(page.QueueURLs), page.NextToken)
	}
	page := awstest.Decode[urls](e.ok(overJSON, "ListQueues", `{"MaxResults":1000}`))
	if len(page.QueueURLs) != 1000 || page.NextToken == "" {
		t.Errorf("%d queues, next %q", len(page.QueueURLs), page.NextToken)
	}
	if page = awstest.Decode[urls](e.ok(overJSON, "ListQueues", `{"NextToken":"`+page.NextToken+`"}`)); len(page.QueueURLs) != 1 {
		t.Errorf("%d queues on the last page", len(page.QueueURLs))
	}
}

// TestNameSpaces makes a queue of the same name for several accounts and regions.
func TestNameSpaces(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env, p awstest.Protocol) {
		owners := [][2]string{{account, region}, {account, "eu-west-1"}, {"111111111111", region}, {"111111111111", "eu-west-1"}}
		for _, o := range owners {
			e.ok(p, "CreateQueue", `{"QueueName":"q"}`, signed(o[0], o[1])...)
			e.ok(p, "SendMessage", `{"QueueUrl":"q","MessageBody":"`+o[0]+o[1]+`"}`, signed(o[0], o[1])...)
		}
		for _, o := range owners {
			got := e.receive(`{"QueueUrl":"q","MaxNumberOfMessages":10}`, signed(o[0], o[1])...)
			if len(got) != 1 || got[0].Body != o[0]+o[1] {
				t.Errorf("%v received %+v", o, got)
			}
			a := e.ok(overJSON, "GetQueueAttributes", `{"QueueUrl":"q","AttributeNames":["QueueArn"]}`, signed(o[0], o[1])...)
			if want := "arn:aws:sqs:" + o[1] + ":" + o[0] + ":q"; !strings.Contains(a.Body, want) {
				t.Errorf("%v: %s", o, a.Body)
			}
			if list := awstest.Decode[urls](e.ok(overJSON, "ListQueues", `{}`, signed(o[0], o[1])...)); len(list.QueueURLs) != 1 || list.QueueURLs[0] != base+"/"+o[0]+"/q" {
				t.Errorf("%v: %v", o, list)
			}
		}
		// Whose a queue is, its URL says, whoever calls.
		a := e.ok(overJSON, "GetQueueAttributes", `{"QueueUrl":"https://sqs.eu-west-1.amazonaws.com/111111111111/q","AttributeNames":["QueueArn"]}`)
		if !strings.Contains(a.Body, "arn:aws:sqs:eu-west-1:111111111111:q") {
			t.Errorf("answered %s", a.Body)
		}
		e.ok(p, "DeleteQueue", `{"QueueUrl":"q"}`)
		e.ok(p, "GetQueueUrl", `{"QueueName":"q","QueueOwnerAWSAccountId":"111111111111"}`)
	})
}

// TestConcurrentCreateQueue makes the same queue many times at once, half of the callers with other attributes.
func TestConcurrentCreateQueue(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	const callers = 16
	answers := make([]*awstest.Answer, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			answers[i] = e.call(overJSON, "CreateQueue", fmt.Sprintf(`{"QueueName":"q","Attributes":{"DelaySeconds":"%d"}}`, i%2))
		})
	}
	wg.Wait()
	won := answers[0].Status == 200
	for i, a := range answers {
		if (a.Status == 200) != (won == (i%2 == 0)) {
			t.Errorf("caller %d was answered %d %s", i, a.Status, a.Body)
		}
		if a.Status != 200 {
			a.Is("the losers", "QueueNameExists", "A queue already exists with the same name and a different value for attribute DelaySeconds")
		}
	}
}

// TestCreateQueueAgain compares what is given, and only that.
func TestCreateQueueAgain(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	const exists = "A queue already exists with the same name and a different value for attribute "
	redrive := awstest.Quoted(`{"deadLetterTargetArn":"` + arn("dead") + `","maxReceiveCount":"3"}`)
	e.create("dead")
	e.ok(overJSON, "CreateQueue", `{"QueueName":"q","Attributes":{"VisibilityTimeout":"5","RedrivePolicy":`+redrive+`},"tags":{"a":"b"}}`)
	e.ok(overJSON, "CreateQueue", `{"QueueName":"q.fifo","Attributes":{"FifoQueue":"true","DeduplicationScope":"messageGroup","FifoThroughputLimit":"perMessageGroupId"}}`)
	for _, same := range []string{
		`{"QueueName":"q"}`, `{"QueueName":"q","Attributes":{"VisibilityTimeout":"5"}}`, `{"QueueName":"q","Attributes":{"DelaySeconds":"0","MessageRetentionPeriod":"345600"}}`,
		`{"QueueName":"q","Attributes":{"RedrivePolicy":` + awstest.Quoted(`{ "maxReceiveCount": 3, "deadLetterTargetArn": "`+arn("dead")+`" }`) + `}}`,
		`{"QueueName":"q","tags":{"c":"d"}}`, `{"QueueName":"q","Attributes":{"SqsManagedSseEnabled":"true"}}`,
		`{"QueueName":"q.fifo","Attributes":{"FifoQueue":"true"}}`, `{"QueueName":"q.fifo","Attributes":{"FifoQueue":"true","DeduplicationScope":"messageGroup"}}`,
	} {
		e.ok(overJSON, "CreateQueue", same)
	}
	for input, attribute := range map[string]string{
		`{"QueueName":"q","Attributes":{"VisibilityTimeout":"30"}}`:                                   "VisibilityTimeout",
		`{"QueueName":"q","Attributes":{"VisibilityTimeout":"5","DelaySeconds":"1"}}`:                 "DelaySeconds",
		`{"QueueName":"q","Attributes":{"Policy":"{}"}}`:                                              "Policy",
		`{"QueueName":"q.fifo","Attributes":{"FifoQueue":"true","DeduplicationScope":"queue"}}`:       "DeduplicationScope",
		`{"QueueName":"q.fifo","Attributes":{"FifoQueue":"true","ContentBasedDeduplication":"true"}}`: "ContentBasedDeduplication",
		`{"QueueName":"q.fifo","Attributes":{"FifoQueue":"true","FifoThroughputLimit":"perQueue"}}`:   "FifoThroughputLimit",
	} {
		e.call(overJSON, "CreateQueue", input).Is(input, "QueueNameExists", exists+attribute)
	}
}

func attributesOf(e *env, queue string) map[string]string {
	e.tb.Helper()
	return awstest.Decode[struct{ Attributes map[string]string }](e.ok(overJSON, "GetQueueAttributes", `{"QueueUrl":"`+queue+`","AttributeNames":["All"]}`)).Attributes
}

// TestDefaultAttributes has exactly what a new queue shows.
func TestDefaultAttributes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t)
		e.create("q", "q.fifo")
		want := map[string]string{
			"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesDelayed": "0", "ApproximateNumberOfMessagesNotVisible": "0",
			"CreatedTimestamp": "946684800", "LastModifiedTimestamp": "946684800", "DelaySeconds": "0", "MaximumMessageSize": "1048576",
			"MessageRetentionPeriod": "345600", "QueueArn": arn("q"), "ReceiveMessageWaitTimeSeconds": "0", "SqsManagedSseEnabled": "true", "VisibilityTimeout": "30",
		}
		if diff := cmp.Diff(want, attributesOf(e, "q")); diff != "" {
			t.Error(diff)
		}
		want["QueueArn"] = arn("q.fifo")
		want["ContentBasedDeduplication"], want["DeduplicationScope"], want["FifoQueue"], want["FifoThroughputLimit"] = "false", "queue", "true", "perQueue"
		if diff := cmp.Diff(want, attributesOf(e, "q.fifo")); diff != "" {
			t.Error(diff)
		}
		pass(t, 90*time.Second)
		e.ok(overJSON, "SetQueueAttributes", `{"QueueUrl":"q","Attributes":{"DelaySeconds":"1"}}`)
		if got := attributesOf(e, "q"); got["CreatedTimestamp"] != "946684800" || got["LastModifiedTimestamp"] != "946684890" {
			t.Errorf("made at %s, changed at %s", got["CreatedTimestamp"], got["LastModifiedTimestamp"])
		}
	})
}

// TestEncryptionAttributes keeps what has no effect, as AWS shows it.
func TestEncryptionAttributes(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("q")
	for _, c := range []struct{ set, key, period, managed string }{
		{`"KmsMasterKeyId":"alias/k"`, "alias/k", "", "false"},
		{`"KmsDataKeyReusePeriodSeconds":"60"`, "alias/k", "60", "false"},
		{`"KmsDataKeyReusePeriodSeconds":"300"`, "alias/k", "", "false"},
		{`"KmsMasterKeyId":""`, "", "", "true"},
		{`"SqsManagedSseEnabled":"false"`, "", "", "false"},
		{`"SqsManagedSseEnabled":"true"`, "", "", "true"},
	} {
		e.ok(overJSON, "SetQueueAttributes", `{"QueueUrl":"q","Attributes":{`+c.set+`}}`)
		got := attributesOf(e, "q")
		if got["KmsMasterKeyId"] != c.key || got["KmsDataKeyReusePeriodSeconds"] != c.period || got["SqsManagedSseEnabled"] != c.managed {
			t.Errorf("after %s: %v", c.set, got)
		}
	}
}

// TestPolicies has the exact texts of what AWS makes of permissions and redrive policies.
func TestPolicies(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("q", "dead")
	policy := func(statements ...string) string {
		return `{"Version":"2008-10-17","Id":"` + arn("q") + `/SQSDefaultPolicy","Statement":[` + strings.Join(statements, ",") + `]}`
	}
	one := `{"Sid":"one","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"SQS:SendMessage","Resource":"` + arn("q") + `"}`
	two := `{"Sid":"two","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111111111111:root","arn:aws:iam::222222222222:root"]},"Action":["SQS:ReceiveMessage","SQS:*"],"Resource":"` + arn("q") + `"}`
	own := `{"Sid":"own","Effect":"Deny","Principal":"*","Action":"sqs:*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}`
	check := func(want string) {
		t.Helper()
		if got := attributesOf(e, "q")["Policy"]; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	set := func(attribute, value string) {
		t.Helper()
		e.ok(overJSON, "SetQueueAttributes", `{"QueueUrl":"q","Attributes":{"`+attribute+`":`+awstest.Quoted(value)+`}}`)
	}
	addOne := `{"QueueUrl":"q","Label":"one","AWSAccountIds":["111111111111"],"Actions":["SendMessage"]}`
	e.ok(overJSON, "AddPermission", addOne)
	check(policy(one))
	e.ok(overQuery, "AddPermission", `{"QueueUrl":"q","Label":"two","AWSAccountIds":["111111111111","222222222222"],"Actions":["ReceiveMessage","*"]}`)
	check(policy(one, two))
	e.ok(overJSON, "RemovePermission", `{"QueueUrl":"q","Label":"one"}`)
	check(policy(two))
	e.ok(overQuery, "RemovePermission", `{"QueueUrl":"q","Label":"two"}`)
	check("")

	set("Policy", `{"Version":"2012-10-17","Id":"mine","Statement":`+own+`}`) // a statement that is no list
	e.ok(overJSON, "AddPermission", addOne)
	check(`{"Version":"2012-10-17","Id":"mine","Statement":[` + own + "," + one + `]}`)
	set("Policy", "")
	check("")

	for attribute, texts := range map[string]map[string]string{
		"RedrivePolicy": {
			`{ "maxReceiveCount":"4", "deadLetterTargetArn":"` + arn("dead") + `" }`: `{"deadLetterTargetArn":"` + arn("dead") + `","maxReceiveCount":4}`,
			``: ``,
		},
		"RedriveAllowPolicy": {
			`{"redrivePermission":"allowAll"}`: `{"redrivePermission":"allowAll"}`,
			`{"redrivePermission": "denyAll"}`: `{"redrivePermission":"denyAll"}`,
			`{"sourceQueueArns":["` + arn("a") + `","` + arn("b") + `"],"redrivePermission":"byQueue"}`: `{"redrivePermission":"byQueue","sourceQueueArns":["` + arn("a") + `","` + arn("b") + `"]}`,
			``: ``,
		},
	} {
		for given, want := range texts {
			set(attribute, given)
			if got := attributesOf(e, "q")[attribute]; got != want {
				t.Errorf("%s %s: got %s", attribute, given, got)
			}
		}
	}
}

// TestTooManyStatements adds permissions until there is no room for another.
func TestTooManyStatements(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("q")
	add := func(i int) *awstest.Answer {
		return e.call(overJSON, "AddPermission", fmt.Sprintf(`{"QueueUrl":"q","Label":"l%d","AWSAccountIds":["111111111111"],"Actions":["SendMessage"]}`, i))
	}
	for i := range 20 {
		if a := add(i); a.Status != 200 {
			t.Fatalf("answered %s", a.Body)
		}
	}
	add(20).Is("one more", "OverLimit", "21 statements were found, maximum allowed is 20.")
}
