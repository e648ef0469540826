package sqs

import (
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue"
)

func TestQueueName(t *testing.T) {
	t.Parallel()
	r := &awsapi.Request{Caller: awsapi.Caller{Account: "000000000000", Region: "us-east-1"}, QueuePath: "/222222222222/at"}
	name := func(account, region, name string) queue.Name {
		return queue.Name{Account: account, Region: region, Name: name}
	}
	const other = "111111111111"
	for url, want := range map[string]queue.Name{
		"":                                       name("222222222222", "us-east-1", "at"),
		"q":                                      name("000000000000", "us-east-1", "q"),
		"/" + other + "/q":                       name(other, "us-east-1", "q"),
		other + "/q":                             name(other, "us-east-1", "q"),
		"http://127.0.0.1:4566/" + other + "/q":  name(other, "us-east-1", "q"),
		"http://127.0.0.1:4566/" + other + "/q/": name(other, "us-east-1", "q"),
		"http://h/behind/a/proxy/" + other + "/q":                                   name(other, "us-east-1", "q"),
		"https://sqs.eu-west-1.amazonaws.com/" + other + "/q":                       name(other, "eu-west-1", "q"),
		"https://sqs-fips.us-gov-west-1.amazonaws.com/" + other + "/q":              name(other, "us-gov-west-1", "q"),
		"http://sqs.ap-southeast-2.localhost.localstack.cloud:4566/" + other + "/q": name(other, "ap-southeast-2", "q"),
		"https://eu-west-1.queue.amazonaws.com/" + other + "/q":                     name(other, "eu-west-1", "q"),
		"https://queue.amazonaws.com/" + other + "/q":                               name(other, "us-east-1", "q"),
		"http://localhost:4566/queue/eu-west-1/" + other + "/q":                     name(other, "eu-west-1", "q"),
		"http://sqs.my-own-host.example/" + other + "/q":                            name(other, "us-east-1", "q"),
		"http://h/" + other + "/a%20b":                                              name(other, "us-east-1", "a%20b"),
	} {
		got, err := queueName(r, url)
		if err != nil || got != want {
			t.Errorf("%s: got %v %v, want %v", url, got, err, want)
		}
	}
	for _, url := range []string{"http://h", "http://h/", "http://h/q", "http://h/x/q", "http://h/" + other + "/", "/q", "a/b", "/", "//", "http://h/11111111111/q"} {
		if got, err := queueName(r, url); err == nil {
			t.Errorf("%s is %v", url, got)
		}
	}
}

func TestNameOfARN(t *testing.T) {
	t.Parallel()
	for arn, want := range map[string]bool{
		"arn:aws:sqs:us-east-1:000000000000:q": true, "arn:aws-cn:sqs:cn-north-1:000000000000:q.fifo": true, "": false, "q": false,
		"arn:aws:sns:us-east-1:000000000000:q": false, "arn:aws:sqs::000000000000:q": false, "arn:aws:sqs:us-east-1:0:q": false,
		"arn:aws:sqs:us-east-1:000000000000:": false, "urn:aws:sqs:us-east-1:000000000000:q": false,
	} {
		if name, ok := nameOf(arn); ok != want || ok && nameBack(name) != arn && name.Region != "cn-north-1" {
			t.Errorf("%s: got %v %v", arn, name, ok)
		}
	}
}

func nameBack(name queue.Name) string { return arnOf(name) }
