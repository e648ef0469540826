package native

import (
	"fmt"
	"net/http"
)

// NotFound answers every path that no route takes.
func NotFound(r *http.Request) (any, error) {
	if path := r.URL.Path; len(path) > 1 && path[len(path)-1] == '/' {
		return nil, fmt.Errorf("%w: no path here ends in a slash", errNotFound)
	}
	return nil, errNotFound
}

// MethodNotAllowed answers a path's wrong methods.
func MethodNotAllowed(*http.Request) (any, error) { return nil, errMethod }

// ErrStopping is what to cancel the contexts of requests with when the server cuts them off.
var ErrStopping = errUnavailable
