package native

import (
	"context"
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

// WithStopping returns a context for requests from which long polls learn that the server stops, before the requests
// themselves are cut off.
func WithStopping(requests, stopping context.Context) context.Context {
	return context.WithValue(requests, stoppingKey{}, stopping)
}

type stoppingKey struct{}

// untilStopping returns a context that ends with the request or when the server stops, whichever is first.
func untilStopping(r *http.Request) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(r.Context())
	stopping, ok := r.Context().Value(stoppingKey{}).(context.Context)
	if !ok {
		return ctx, cancel
	}
	stop := context.AfterFunc(stopping, cancel)
	return ctx, func() { stop(); cancel() }
}
