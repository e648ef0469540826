package awsapi

import (
	"net/http"
	"strings"
)

// Caller is who made a request. Nothing has been verified about it.
type Caller struct {
	// Account has 12 digits; Region is one of AWS or any other name.
	Account, Region string
	// Principal is the access key ID, empty for a request without credentials.
	Principal string
}

// Request is what an operation knows of a call besides its input.
type Request struct {
	Caller
	// BaseURL is where clients reach the router: --public-url, or what this one used.
	BaseURL string
	// QueuePath is the path of the request, if it was made to that of a queue.
	QueuePath string
	// Trace is the header X-Amzn-Trace-Id.
	Trace string
	// ID is the request's, as the answer has it.
	ID string
}

// scope reads who calls from the credential of a SigV4 signature, in the header or in the query string:
// Credential=AKID/20260101/us-east-1/sqs/aws4_request.
func scope(r *http.Request) (keyID, region, service string) {
	credential := ""
	if auth := header(r, "Authorization"); auth != "" {
		_, rest, ok := strings.Cut(auth, "Credential=")
		if !ok {
			return "", "", ""
		}
		credential, _, _ = strings.Cut(rest, ",")
	} else if strings.Contains(r.URL.RawQuery, "X-Amz-Credential=") {
		credential = r.URL.Query().Get("X-Amz-Credential")
	}
	credential = strings.TrimSpace(credential)
	// From the end, since nothing else may hold a slash.
	last := [4]string{}
	for i := range last {
		at := strings.LastIndexByte(credential, '/')
		if at < 0 {
			return "", "", ""
		}
		last[i], credential = credential[at+1:], credential[:at]
	}
	return credential, last[2], last[1]
}

// header is Header.Get for names in canonical form.
func header(r *http.Request, name string) string {
	if v := r.Header[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// IsAccount says whether s is an account ID: 12 digits.
func IsAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// validRegion accepts what can be the name of a region, so that nothing else becomes part of a definition's name.
func validRegion(s string) bool {
	if len(s) < 1 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
