package tests

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

func TestSQSAddresses(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{})
	overBoth(t, r, "urls", queueURLs)
	overBoth(t, r, "accounts", accounts)
	overBoth(t, r, "regions", regions)
	t.Run("paths", func(t *testing.T) {
		t.Parallel()
		queuePaths(t, newScene(t, r, "query", "paths"))
	})
}

// queueURLs sends to one queue by all the URLs that clients hold.
func queueURLs(t *testing.T, s *sqsScene) {
	real := s.create("a")
	name := s.prefix + "a"
	for _, url := range []string{
		real,
		name,
		"https://sqs.us-east-1.amazonaws.com/000000000000/" + name,
		"http://signalbox:4566/000000000000/" + name,
		"http://us-east-1.queue.localhost:4566/000000000000/" + name,
		"http://sqs.us-east-1.localhost.localstack.cloud:4566/000000000000/" + name,
		"http://localhost:4566/queue/us-east-1/000000000000/" + name,
		"http://localhost:4566/some/prefix/000000000000/" + name,
		"/000000000000/" + name,
	} {
		id := s.send(url, "by "+url)[0]
		if m := s.receiveOne(real); *m.MessageId != id {
			t.Errorf("by %s came the message %s", url, *m.Body)
		}
	}
	_, err := s.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: aws.String("http://localhost:4566/" + name), MessageBody: aws.String("x")})
	s.fails(err, "InvalidAddress", "The address http://localhost:4566/"+name+" is not valid for this endpoint.")
	for _, url := range []string{"http://localhost/000000000001/" + name, "https://sqs.eu-west-1.amazonaws.com/000000000000/" + name, name + "x"} {
		_, err := s.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("x")})
		s.gone(err)
	}
}

// accounts has queues of one name in two accounts, which an access key of 12 digits names.
func accounts(t *testing.T, s *sqsScene) {
	other := connect(t, s.router, s.protocol, "123456789012", "us-east-1")
	mine := s.create("a", "DelaySeconds", "1")
	out, err := other.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(s.prefix + "a"), Attributes: map[string]string{"DelaySeconds": "2"}})
	s.ok(err, "creating the other's")
	theirs := *out.QueueUrl
	if !strings.HasSuffix(theirs, "/123456789012/"+s.prefix+"a") {
		t.Errorf("the other's URL is %s", theirs)
	}
	// A URL says whose queue it is, whoever asks.
	for _, api := range []sqsAPI{s, other} {
		got, err := api.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &theirs, AttributeNames: everyAttribute})
		s.ok(err, "GetQueueAttributes")
		if got.Attributes["DelaySeconds"] != "2" || got.Attributes["QueueArn"] != "arn:aws:sqs:us-east-1:123456789012:"+s.prefix+"a" {
			t.Errorf("the other's queue is %v", got.Attributes)
		}
	}
	found, err := s.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String(s.prefix + "a"), QueueOwnerAWSAccountId: aws.String("123456789012")})
	s.ok(err, "GetQueueUrl")
	if *found.QueueUrl != theirs {
		t.Errorf("GetQueueUrl of the other's answered %s", *found.QueueUrl)
	}
	list, err := s.ListQueues(t.Context(), &sqs.ListQueuesInput{QueueNamePrefix: aws.String(s.prefix)})
	s.ok(err, "ListQueues")
	if !slices.Equal(list.QueueUrls, []string{mine}) {
		t.Errorf("ListQueues answered %q", list.QueueUrls)
	}
}

// regions has queues of one name in two regions. The region is that of the credential, unless the queue's URL tells.
func regions(t *testing.T, s *sqsScene) {
	other := connect(t, s.router, s.protocol, "test", "eu-west-1")
	url := s.create("a")
	_, err := other.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String(s.prefix + "a")})
	s.gone(err)
	_, err = other.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(s.prefix + "a")})
	s.ok(err, "creating it in another region")
	send := func(api sqsAPI, url, body string) {
		t.Helper()
		_, err := api.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body})
		s.ok(err, "sending to "+url)
	}
	send(other, url, "west")
	send(s, "https://sqs.eu-west-1.amazonaws.com/000000000000/"+s.prefix+"a", "west by host")
	send(s, "http://localhost:4566/queue/eu-west-1/000000000000/"+s.prefix+"a", "west by path")
	send(s, url, "east")
	s.wantBodies(url, "east")
	out, err := other.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10})
	s.ok(err, "receiving in the other region")
	if got := bodiesOf(out.Messages); !slices.Equal(got, []string{"west", "west by host", "west by path"}) {
		t.Errorf("the other region has %q", got)
	}
}

// queuePaths makes Query requests to the path of a queue, by POST and by GET, signed and not, and in JSON.
func queuePaths(t *testing.T, s *sqsScene) {
	name := s.prefix + "a"
	path := "/000000000000/" + name
	s.create("a")
	c := s.sqsAPI.(*queryClient)
	for _, at := range []string{path, "/queue/us-east-1" + path} {
		for _, unsigned := range []bool{false, true} {
			there := &queryClient{http: c.http, url: s.router.URL(at), key: c.key, region: c.region, unsigned: unsigned}
			_, err := there.SendMessage(t.Context(), &sqs.SendMessageInput{MessageBody: &at})
			s.ok(err, "posting to "+at)
			if got := s.receiveOne(path); *got.Body != at {
				t.Errorf("posted to %s, received %q", at, *got.Body)
			}
		}
	}
	there := &queryClient{http: c.http, url: s.router.URL(path), key: c.key, region: c.region}
	_, err := there.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("x")})
	s.fails(err, "InvalidAction", "The action CreateQueue is not valid for this endpoint.")
	_, err = there.ListQueues(t.Context(), &sqs.ListQueuesInput{})
	s.fails(err, "InvalidAction", "The action ListQueues is not valid for this endpoint.")

	get := func(path string, header map[string]string, status int, contentType string, parts ...string) {
		t.Helper()
		a := s.router.Do(http.MethodGet, path, header, "")
		if got := a.Header.Get("Content-Type"); a.Status != status || got != contentType {
			t.Errorf("GET %s answered %s: %s", path, got, a)
		}
		for _, part := range parts {
			if !strings.Contains(string(a.Body), part) {
				t.Errorf("GET %s answered %s, want %s in it", path, a, part)
			}
		}
	}
	get(path+"?Action=SendMessage&MessageBody="+url.QueryEscape("by GET"), nil, 200, "text/xml", "<SendMessageResponse", "<MessageId>")
	s.wantBodies(path, "by GET")
	get("/?Action=GetQueueUrl&QueueName="+name, nil, 200, "text/xml", "<QueueUrl>"+s.router.URL(path)+"</QueueUrl>")
	get(path+"?Action=GetQueueAttributes&AttributeName.1=QueueArn&X-Amz-Credential="+url.QueryEscape("test/20260101/us-east-1/sqs/aws4_request"), nil, 200, "text/xml",
		"<Attribute><Name>QueueArn</Name><Value>"+s.arn("a")+"</Value></Attribute>")
	// Lists and maps of one without an index, as old clients write them.
	get(path+"?Action=SetQueueAttributes&Attribute.Name=DelaySeconds&Attribute.Value=17", nil, 200, "text/xml", "<SetQueueAttributesResponse")
	get(path+"?Action=GetQueueAttributes&AttributeName=DelaySeconds", nil, 200, "text/xml", "<Name>DelaySeconds</Name><Value>17</Value>")
	get(path, nil, 404, "text/xml", "<UnknownOperationException/>")
	inJSON := map[string]string{"Accept": "application/json"}
	get(path+"?Action=GetQueueAttributes&AttributeName.1=DelaySeconds", inJSON, 200, "application/json", `"GetQueueAttributesResponse":{`, `"RequestId":"`)
	get(path+"?Action=Nonsense", inJSON, 400, "application/json", `"Code":"InvalidAction"`)
	get(path+"?Action=SendMessage&Version=1999-01-01&MessageBody=x", nil, 400, "text/xml", "<Detail/>")
}
