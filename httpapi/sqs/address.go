package sqs

import (
	"net/http"
	"strings"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue"
)

// queueName is the name that a queue's URL stands for. Of the URL only the last two segments of the path count, whatever
// its host, and the region if it is told by one of the shapes that clients hold:
//
//	https://sqs.{region}.amazonaws.com/{account}/{name}
//	http://{region}.queue.{host}/{account}/{name}
//	http://{host}/queue/{region}/{account}/{name}
//	http://{host}/{account}/{name}
//
// A name alone is one of the caller's. A Query request without a URL is about the queue whose path it was made to.
func queueName(r *awsapi.Request, url string) (queue.Name, error) {
	if url == "" {
		url = r.QueuePath
	}
	host, path := "", url
	if _, rest, ok := strings.Cut(url, "://"); ok {
		var slash bool
		if host, path, slash = strings.Cut(rest, "/"); !slash {
			return queue.Name{}, invalidAddress(url)
		}
	} else if !strings.Contains(url, "/") {
		return queue.Name{Account: r.Account, Region: r.Region, Name: url}, nil
	}
	path = strings.TrimSuffix(path, "/")
	rest, name := cutLast(path)
	rest, account := cutLast(rest)
	if name == "" || !awsapi.IsAccount(account) {
		return queue.Name{}, invalidAddress(url)
	}
	region := r.Region
	if told := regionOf(host, rest); told != "" {
		region = told
	}
	return queue.Name{Account: account, Region: region, Name: name}, nil
}

// lookup is the queue that a queue's URL stands for.
func (a *API) lookup(r *awsapi.Request, url string) (queue.Queue, error) {
	name, err := queueName(r, url)
	if err != nil {
		return queue.Queue{}, err
	}
	return a.broker.Lookup(name)
}

// cutLast cuts a path at its last slash.
func cutLast(path string) (before, last string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

// regionOf is the region that a queue's URL tells by its host or by what comes before the account; empty for none.
func regionOf(host, path string) string {
	if rest, region := cutLast(path); region != "" {
		if _, word := cutLast(rest); word == "queue" && isRegion(region) {
			return region
		}
	}
	first, rest, ok := strings.Cut(host, ".")
	if !ok {
		return ""
	}
	second, _, _ := strings.Cut(rest, ".")
	switch {
	case (first == "sqs" || first == "sqs-fips") && isRegion(second):
		return second
	case second == "queue" && isRegion(first):
		return first
	}
	return ""
}

// isRegion tells the name of a region from that of a host: us-east-1, ap-southeast-2, us-gov-west-1.
func isRegion(s string) bool {
	if strings.Count(s, "-") < 2 || len(s) > 32 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	last := s[len(s)-1]
	return last >= '0' && last <= '9'
}

func invalidAddress(url string) *awsapi.Error {
	return &awsapi.Error{
		Shape: "InvalidAddress", Status: http.StatusNotFound,
		Message: "The address " + awsapi.Clip(url) + " is not valid for this endpoint.",
	}
}

// urlOf is the URL that clients are given for a queue.
func urlOf(r *awsapi.Request, name queue.Name) string {
	return strings.TrimSuffix(r.BaseURL, "/") + "/" + name.Account + "/" + name.Name
}

// arnOf is the ARN of a queue.
func arnOf(name queue.Name) string {
	return awsapi.ARN{Service: "sqs", Region: name.Region, Account: name.Account, Resource: name.Name}.String()
}

// nameOf is the queue that an ARN names.
func nameOf(arn string) (queue.Name, bool) {
	a, err := awsapi.ParseARN(arn)
	if err != nil || a.Service != "sqs" || !awsapi.IsAccount(a.Account) || a.Region == "" || a.Resource == "" {
		return queue.Name{}, false
	}
	return queue.Name{Account: a.Account, Region: a.Region, Name: a.Resource}, true
}
