package tests

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

var everySystemAttribute = []types.MessageSystemAttributeName{"All"}

func getQueueURL(name string) *sqs.GetQueueUrlInput { return &sqs.GetQueueUrlInput{QueueName: &name} }

// verify verifies the signature of a message as its documentation says, with the certificate that it names.
func verify(t *testing.T, client *http.Client, e *envelope) {
	t.Helper()
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			b.WriteString(name + "\n" + value + "\n")
		}
	}
	line("Message", e.Message)
	line("MessageId", e.MessageId)
	if e.Type == "Notification" {
		line("Subject", e.Subject)
	} else {
		line("SubscribeURL", e.SubscribeURL)
	}
	line("Timestamp", e.Timestamp)
	line("Token", e.Token)
	line("TopicArn", e.TopicArn)
	line("Type", e.Type)
	block, _ := pem.Decode(visit(t, client, e.SigningCertURL))
	if block == nil {
		t.Fatalf("%s is no PEM", e.SigningCertURL)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := base64.StdEncoding.DecodeString(e.Signature)
	if err != nil {
		t.Fatal(err)
	}
	hash, digest := crypto.SHA1, []byte(nil)
	if e.SignatureVersion == "2" {
		sum := sha256.Sum256([]byte(b.String()))
		hash, digest = crypto.SHA256, sum[:]
	} else {
		sum := sha1.Sum([]byte(b.String())) // what version 1 is
		digest = sum[:]
	}
	if err := rsa.VerifyPKCS1v15(certificate.PublicKey.(*rsa.PublicKey), hash, digest, signature); err != nil {
		t.Errorf("the signature of %+v does not verify: %v", e, err)
	}
}

// visit gets a URL, as somebody without credentials does.
func visit(t *testing.T, client *http.Client, url string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s answered %s %s, %v", url, resp.Status, body, err)
	}
	return body
}

// snsRequest is a request of SNS to an endpoint, its n-th. What every request has is checked.
func snsRequest(t *testing.T, c *harness.Collector, path string, n int) (harness.Request, *envelope) {
	t.Helper()
	r := c.Wait(path, n)[n-1]
	e := &envelope{}
	if r.Header.Get("X-Amz-Sns-Rawdelivery") == "" {
		mustJSON(t, r.Body, e)
		if r.Header.Get("X-Amz-Sns-Message-Type") != e.Type || r.Header.Get("X-Amz-Sns-Message-Id") != e.MessageId || r.Header.Get("X-Amz-Sns-Topic-Arn") != e.TopicArn {
			t.Errorf("the headers %v are not of %s", r.Header, r.Body)
		}
	}
	if r.Method != http.MethodPost || r.Header.Get("User-Agent") != "Amazon Simple Notification Service Agent" {
		t.Errorf("got %s with the headers %v", r.Method, r.Header)
	}
	return r, e
}

// TestSNSOverHTTP follows an endpoint through its life: it confirms by the URL that it was sent, gets messages, leaves by the URL
// in one, and comes back by that in the last.
func TestSNSOverHTTP(t *testing.T) {
	t.Parallel()
	c := harness.NewCollector(t)
	r := harness.Start(t, harness.Options{Config: openEgress})
	s := newSNSScene(t, r, "http")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	arn := s.topic("t", "SignatureVersion", "2")
	subscription := s.subscribe(arn, "http", c.URL("/hook"))
	req, confirmation := snsRequest(t, c, "/hook", 1)
	if confirmation.Type != "SubscriptionConfirmation" || req.Header.Get("X-Amz-Sns-Subscription-Arn") != "" || req.Header.Get("Content-Type") != "text/plain; charset=UTF-8" {
		t.Errorf("the first request has the headers %v, and %s", req.Header, req.Body)
	}
	verify(t, client, confirmation)
	s.publish(arn, "nobody hears it")
	if body := string(visit(t, client, confirmation.SubscribeURL)); !strings.Contains(body, "<SubscriptionArn>"+subscription+"</SubscriptionArn>") {
		t.Errorf("confirming answered %s", body)
	}
	id := s.publish(arn, "hello", "colour", "red")
	req, notification := snsRequest(t, c, "/hook", 2)
	if notification.MessageId != id || notification.Message != "hello" || notification.MessageAttributes["colour"].Value != "red" || notification.SignatureVersion != "2" ||
		req.Header.Get("X-Amz-Sns-Subscription-Arn") != subscription {
		t.Errorf("the headers %v, and %s", req.Header, req.Body)
	}
	verify(t, client, notification)
	_, err := s.SetSubscriptionAttributes(t.Context(), &sns.SetSubscriptionAttributesInput{SubscriptionArn: &subscription, AttributeName: aws.String("RawMessageDelivery"), AttributeValue: aws.String("true")})
	s.queues.ok(err, "making it raw")
	_, err = s.SetSubscriptionAttributes(t.Context(), &sns.SetSubscriptionAttributesInput{SubscriptionArn: &subscription, AttributeName: aws.String("DeliveryPolicy"), AttributeValue: aws.String(`{"requestPolicy": {"headerContentType": "application/json"}}`)})
	s.queues.ok(err, "setting a delivery policy")
	s.publish(arn, `{"raw": true}`)
	if req, _ = snsRequest(t, c, "/hook", 3); req.Body != `{"raw": true}` || req.Header.Get("X-Amz-Sns-Rawdelivery") != "true" || req.Header.Get("Content-Type") != "application/json" {
		t.Errorf("raw, the headers are %v, and the body %s", req.Header, req.Body)
	}
	visit(t, client, notification.UnsubscribeURL)
	_, farewell := snsRequest(t, c, "/hook", 4)
	if farewell.Type != "UnsubscribeConfirmation" || farewell.Token == confirmation.Token {
		t.Errorf("the last request is %+v", farewell)
	}
	verify(t, client, farewell)
	s.publish(arn, "nobody hears it")
	visit(t, client, farewell.SubscribeURL)
	s.publish(arn, "back")
	if req, _ = snsRequest(t, c, "/hook", 5); req.Body != "back" {
		t.Errorf("restored, it got %s", req.Body)
	}
}

// TestSNSRedrive has an endpoint that fails: after the retries of its policy what it should have got is in its dead-letter queue.
func TestSNSRedrive(t *testing.T) {
	t.Parallel()
	c := harness.NewCollector(t)
	r := harness.Start(t, harness.Options{Config: openEgress})
	s := newSNSScene(t, r, "redrive")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	arn := s.topic("t")
	dead := s.queues.create("dead")
	c.Script("/bad", harness.Reply{}, harness.Reply{Status: 500})
	s.subscribe(arn, "http", c.URL("/bad"), "RedrivePolicy", `{"deadLetterTargetArn": "`+s.queues.arn("dead")+`"}`,
		"DeliveryPolicy", `{"healthyRetryPolicy": {"numRetries": 2, "numNoDelayRetries": 2, "minDelayTarget": 1, "maxDelayTarget": 1}}`)
	_, confirmation := snsRequest(t, c, "/bad", 1)
	visit(t, client, confirmation.SubscribeURL)
	id := s.publish(arn, "lost", "colour", "red")
	c.Wait("/bad", 4) // the confirmation, the first attempt and two more
	body, attributes, _ := s.receiveWhole(dead)
	var e envelope
	mustJSON(t, body, &e)
	if e.MessageId != id || e.Message != "lost" || len(attributes) != 0 {
		t.Errorf("the dead letter is %s with the attributes %v", body, attributes)
	}
	verify(t, client, &e)
	// A queue that is not there.
	s.subscribe(arn, "sqs", "arn:aws:sqs:us-east-1:000000000000:nowhere", "RawMessageDelivery", "true", "FilterPolicy", `{"to": ["nowhere"]}`,
		"RedrivePolicy", `{"deadLetterTargetArn": "`+s.queues.arn("dead")+`"}`)
	c.Script("/bad", harness.Reply{})
	s.publish(arn, "astray", "to", "nowhere")
	body, attributes, _ = s.receiveWhole(dead)
	if body != "astray" || len(attributes) != 1 || attributes["to"] != "nowhere" {
		t.Errorf("the dead letter is %s with the attributes %v", body, attributes)
	}
	// A dead-letter queue that is not there: the built-in one has it, with the reason, whether nothing was called or somebody in vain.
	missing := `{"deadLetterTargetArn": "` + s.queues.arn("missing") + `"}`
	s.subscribe(arn, "sqs", "arn:aws:sqs:us-east-1:000000000000:nowhere-else", "RawMessageDelivery", "true", "FilterPolicy", `{"to": ["nowhere else"]}`, "RedrivePolicy", missing)
	s.publish(arn, "astray too", "to", "nowhere else")
	if m := r.ReceiveOne("dead-letters"); m.Body != "astray too" || m.Attribute("ERROR_CODE") != "NO_RESOURCE" || m.Attribute("to") != "nowhere else" {
		t.Errorf("the built-in queue has %+v", m)
	}
	refusing := s.subscribe(s.topic("other"), "http", c.URL("/refusing"), "RawMessageDelivery", "true", "RedrivePolicy", missing)
	_, confirmation = snsRequest(t, c, "/refusing", 1)
	visit(t, client, confirmation.SubscribeURL)
	c.Script("/refusing", harness.Reply{Status: 403})
	s.publish(refusing[:strings.LastIndex(refusing, ":")], "refused")
	if m := r.ReceiveOne("dead-letters"); m.Body != "refused" || m.Attribute("ERROR_CODE") != "NO_PERMISSIONS" || m.Attribute("TARGET_ARN") != refusing {
		t.Errorf("the built-in queue has %+v", m)
	}
}

// TestSNSSuccess has endpoints that answer 404, once by the default and once where the file says that it counts as delivered, of its
// own subscription and of those that clients make.
func TestSNSSuccess(t *testing.T) {
	t.Parallel()
	c := harness.NewCollector(t)
	file := openEgress + `
topics:
  filed: {subscriptions: [{url: "` + c.URL("/filed") + `", success: 200-499}, {url: "` + c.URL("/strict") + `"}]}
`
	for _, path := range []string{"/filed", "/strict", "/client"} {
		c.Script(path, harness.Reply{Status: http.StatusNotFound})
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ends := func(r *harness.Router, id, subscription, status string) {
		t.Helper()
		harness.Until(t, subscription+" to be "+status, func() (bool, string) {
			answer := r.Do(http.MethodGet, "/v1/events/"+id, nil, "")
			var told struct{ Deliveries []storyDelivery }
			mustJSON(t, string(answer.Body), &told)
			for _, d := range told.Deliveries {
				if strings.HasSuffix(d.Name, subscription) && d.Status == status {
					said := strings.Contains(d.Reason, "404") && strings.Contains(d.Reason, "counts as delivered")
					if said != (status == "delivered") || len(d.Attempts) != 1 || d.Attempts[0].Status != 404 || d.Attempts[0].Reason != d.Reason {
						t.Errorf("%s: %+v", subscription, d)
					}
					return true, ""
				}
			}
			return false, string(answer.Body)
		})
	}
	for i, setting := range []string{"", "aws: {http_success: 200-499}\n"} {
		r := harness.Start(t, harness.Options{Config: file + setting})
		s := newSNSScene(t, r, "success")
		arn := s.topic("t")
		subscription := s.subscribe(arn, "http", c.URL("/client"))
		_, confirmation := snsRequest(t, c, "/client", 2*i+1)
		visit(t, client, confirmation.SubscribeURL)
		id := s.publish(arn, "hello")
		ends(r, id, subscription[strings.LastIndex(subscription, ":")+1:], []string{"dead-lettered", "delivered"}[i])
		id = s.publish("arn:aws:sns:us-east-1:000000000000:filed", "hello")
		ends(r, id, "filed/url:"+c.URL("/filed"), "delivered")
		ends(r, id, "filed/url:"+c.URL("/strict"), "dead-lettered")
	}
}

// TestSNSFunction invokes a function as SNS invokes Lambda functions.
func TestSNSFunction(t *testing.T) {
	t.Parallel()
	c := harness.NewCollector(t)
	r := harness.Start(t, harness.Options{Config: "functions: {f: {url: " + c.URL("/f") + "}}\n"})
	s := newSNSScene(t, r, "function")
	arn := s.topic("t")
	subscription := s.subscribe(arn, "lambda", "arn:aws:lambda:us-east-1:000000000000:function:f")
	id := s.publish(arn, "hello", "colour", "red")
	var event struct {
		Records []struct {
			EventSource, EventVersion, EventSubscriptionArn string
			Sns                                             map[string]any
		}
	}
	body := c.Wait("/f", 1)[0].Body
	if err := json.Unmarshal([]byte(body), &event); err != nil || len(event.Records) != 1 {
		t.Fatalf("the function got %s: %v", body, err)
	}
	record := event.Records[0]
	subject, hasSubject := record.Sns["Subject"]
	if record.EventSource != "aws:sns" || record.EventVersion != "1.0" || record.EventSubscriptionArn != subscription || record.Sns["MessageId"] != id ||
		record.Sns["Message"] != "hello" || !hasSubject || subject != nil || record.Sns["SigningCertUrl"] == nil || record.Sns["UnsubscribeUrl"] == nil {
		t.Errorf("the function got %s", body)
	}
}
