package endpoint

import (
	"net/url"
	"strings"
)

// Names of AWS Lambda's Invoke API (version 2015-03-31).
const (
	LambdaInvocationType = "X-Amz-Invocation-Type" // sent as RequestResponse: the answer is the function's
	LambdaFunctionError  = "X-Amz-Function-Error"  // on a 200: the function failed ("Handled", "Unhandled")

	lambdaFunctions = "/2015-03-31/functions/"
	lambdaInvoke    = "/invocations"
)

// LambdaURL completes the URL of an endpoint of format lambda into that of the Invoke operation:
//
//	http://host:9001                                       function = the endpoint's name
//	http://host:9001/2015-03-31/functions/resize           + /invocations
//	http://host:9001/2015-03-31/functions/resize/invocations?Qualifier=live   as it is
//
// A path before /2015-03-31 (a proxy's) is kept, and so is the query. Other paths are refused with an *InvalidError of
// field "url": a function URL (https://ID.lambda-url.REGION.on.aws) is an ordinary HTTP endpoint, for which the
// other formats are.
func LambdaURL(raw, name string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", &InvalidError{Field: "url", Reason: "cannot be read"}
	}
	path := u.EscapedPath()
	if path == "" || path == "/" {
		if strings.Contains(u.Hostname(), ".lambda-url.") {
			return "", &InvalidError{Field: "url", Reason: "is a function URL, which is not called through the Invoke API; use format cloudevent, eventbridge or raw"}
		}
		return u.JoinPath(lambdaFunctions, url.PathEscape(name), lambdaInvoke).String(), nil
	}
	at := strings.LastIndex(path, lambdaFunctions)
	if at < 0 {
		return "", &InvalidError{Field: "url", Reason: "for format lambda the path must be empty or " + lambdaFunctions + "NAME" + lambdaInvoke}
	}
	function, rest, _ := strings.Cut(path[at+len(lambdaFunctions):], "/")
	if function == "" || (rest != "" && rest != "invocations") {
		return "", &InvalidError{Field: "url", Reason: "for format lambda the path must end in " + lambdaFunctions + "NAME" + lambdaInvoke}
	}
	if rest == "" {
		u = u.JoinPath(lambdaInvoke)
	}
	return u.String(), nil
}
