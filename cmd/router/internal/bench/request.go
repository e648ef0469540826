package bench

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"strconv"
)

// batchSize is how many messages a batch has: as many as SQS takes.
const batchSize = 10

// address is where a server listens.
type address struct {
	hostPort string // to dial
	host     string // as clients name it
	path     string
}

// parseAddress reads the URL of a server.
func parseAddress(text string) (address, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" || u.Hostname() == "" || u.RawQuery != "" || u.User != nil {
		return address{}, fmt.Errorf("%q must be a URL such as http://127.0.0.1:4566", text)
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	a := address{hostPort: net.JoinHostPort(u.Hostname(), port), host: u.Host, path: u.EscapedPath()}
	if a.path == "" {
		a.path = "/"
	}
	return a, nil
}

// appendRequest appends a whole request, which looks like one of an SDK: the same headers of about the same length. Its
// signature is of the right form only, since what is measured is not the signing.
func (a address) appendRequest(to []byte, operation string, body []byte) []byte {
	to = append(to, "POST "...)
	to = append(to, a.path...)
	to = append(to, " HTTP/1.1\r\nHost: "...)
	to = append(to, a.host...)
	to = append(to, "\r\nUser-Agent: router-bench/1.0 ua/2.1 os/linux lang/go md/GOOS#linux md/GOARCH#amd64 api/sqs m/E"+
		"\r\nContent-Length: "...)
	to = strconv.AppendInt(to, int64(len(body)), 10)
	to = append(to, "\r\nAmz-Sdk-Invocation-Id: 0b6f5d0c-6a5c-4c3e-9d55-0f8d3f6f2a11\r\nAmz-Sdk-Request: attempt=1; max=3"+
		"\r\nAuthorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, "+
		"SignedHeaders=amz-sdk-invocation-id;amz-sdk-request;content-length;content-type;host;x-amz-date;x-amz-target, "+
		"Signature=0000000000000000000000000000000000000000000000000000000000000000"+
		"\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Date: 20260101T000000Z\r\nX-Amz-Target: AmazonSQS."...)
	to = append(to, operation...)
	to = append(to, "\r\nAccept-Encoding: identity\r\n\r\n"...)
	return append(to, body...)
}

// A message's body is a JSON document, so that the request has the escapes that real ones have: a number, for those who ask
// how long this message took, and random text, which no server can compress.
const (
	bodyBegins = `{"n":"#`
	bodyGoesOn = `","data":"`
	bodyEnds   = `"}`
	numberSize = 16 // hexadecimal digits
	// minBody is the least size of a body, in bytes.
	minBody = len(bodyBegins) + numberSize + len(bodyGoesOn) + len(bodyEnds)
)

// appendBody appends a message's body of size bytes as a JSON string, which is a little longer. It returns in number where
// the digits of the number are.
func appendBody(to []byte, random *rand.Rand, size int) (text []byte, number int) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	to = strconv.AppendQuote(to, bodyBegins)
	to = to[:len(to)-1]
	number = len(to)
	to = append(to, "0000000000000000"...)
	goesOn := strconv.Quote(bodyGoesOn)
	to = append(to, goesOn[1:len(goesOn)-1]...)
	var bits uint64
	for i := range size - minBody {
		if i%10 == 0 {
			bits = random.Uint64()
		}
		to = append(to, letters[bits&63])
		bits >>= 6
	}
	ends := strconv.Quote(bodyEnds)
	return append(to, ends[1:]...), number
}

// putNumber writes a number over the digits at the beginning of text.
func putNumber(text []byte, n uint64) {
	for i := numberSize - 1; i >= 0; i-- {
		text[i] = "0123456789abcdef"[n&15]
		n >>= 4
	}
}

// numberOf finds the number in a body, however its quotes are escaped.
func numberOf(body []byte) (n uint64, ok bool) {
	for i, c := range body[:min(len(body), 64)] {
		if c != '#' {
			continue
		}
		if len(body) < i+1+numberSize {
			return 0, false
		}
		n, err := strconv.ParseUint(string(body[i+1:i+1+numberSize]), 16, 64)
		return n, err == nil
	}
	return 0, false
}

// sendBody is the JSON of a SendMessage to a queue, whose URL is given as it is written in JSON.
func sendBody(queueURL []byte, random *rand.Rand, size int) (text []byte, number int) {
	text = append([]byte(`{"QueueUrl":"`), queueURL...)
	text = append(text, `","MessageBody":`...)
	text, number = appendBody(text, random, size)
	return append(text, '}'), number
}

// sendBatchBody is the JSON of a SendMessageBatch of ten.
func sendBatchBody(queueURL []byte, random *rand.Rand, size int) []byte {
	text := append([]byte(`{"QueueUrl":"`), queueURL...)
	text = append(text, `","Entries":[`...)
	for i := range batchSize {
		if i > 0 {
			text = append(text, ',')
		}
		text = fmt.Appendf(text, `{"Id":"%d","MessageBody":`, i)
		text, _ = appendBody(text, random, size)
		text = append(text, '}')
	}
	return append(text, "]}"...)
}

// receiveBody is the JSON of a ReceiveMessage. A wait of 0 is a short poll.
func receiveBody(queueURL []byte, most, waitSeconds int) []byte {
	return fmt.Appendf(nil, `{"QueueUrl":"%s","MaxNumberOfMessages":%d,"WaitTimeSeconds":%d}`, queueURL, most, waitSeconds)
}

// appendDeleteBody appends the JSON of a DeleteMessage.
func appendDeleteBody(to, queueURL []byte, m message) []byte {
	to = append(append(to, `{"QueueUrl":"`...), queueURL...)
	to = append(append(to, `","ReceiptHandle":"`...), m.receipt...)
	return append(to, `"}`...)
}

// appendDeleteBatchBody appends the JSON of a DeleteMessageBatch of up to ten.
func appendDeleteBatchBody(to, queueURL []byte, messages []message) []byte {
	to = append(append(to, `{"QueueUrl":"`...), queueURL...)
	to = append(to, `","Entries":[`...)
	for i, m := range messages {
		if i > 0 {
			to = append(to, ',')
		}
		to = append(strconv.AppendInt(append(to, `{"Id":"`...), int64(i), 10), `","ReceiptHandle":"`...)
		to = append(append(to, m.receipt...), `"}`...)
	}
	return append(to, "]}"...)
}
