// Package longpoll lets requests that wait for something end as soon as the server stops, before the requests themselves
// are cut off.
package longpoll

import (
	"context"
	"errors"
)

type key struct{}

// errStopping ends the contexts of Until when the server stops.
var errStopping = errors.New("the server stops")

// WithStopping returns a context for requests from which Until learns when stopping ends.
func WithStopping(requests, stopping context.Context) context.Context {
	return context.WithValue(requests, key{}, stopping)
}

// Until returns a context that ends with the request or when the server stops, whichever is first.
func Until(request context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(request)
	stopping, ok := request.Value(key{}).(context.Context)
	if !ok {
		return ctx, func() { cancel(nil) }
	}
	stop := context.AfterFunc(stopping, func() { cancel(errStopping) })
	return ctx, func() { stop(); cancel(nil) }
}

// Stopped says whether a context of Until has ended because the server stops. The poll then ends as if its wait were over.
func Stopped(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errStopping) }
