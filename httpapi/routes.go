package httpapi

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"github.com/signalbox-mq/signalbox/httpapi/native"
)

// methods are what a path answers. Whatever answers GET answers HEAD.
type methods map[string]http.Handler

// path is one path with its methods.
type path struct {
	// pattern is gorilla/mux's.
	pattern string
	methods methods
}

// paths names every route of the router. Whoever looks for an operation begins here.
func (s *Server) paths() []path {
	api := s.parts.Native
	op := api.Handle
	return []path{
		{"/v1/events", methods{"POST": op(api.PublishEvents)}},
		{"/v1/events/{id}", methods{"GET": op(api.Event)}},
		{"/v1/deliveries/{id}", methods{"GET": op(api.Delivery)}},
		{"/v1/buses/{bus}/events", methods{"POST": op(api.PublishEvents)}},

		{"/v1/queues/{queue}/messages", methods{"POST": op(api.SendMessage)}},
		{"/v1/queues/{queue}/messages/receive", methods{"POST": op(api.ReceiveMessages)}},
		{"/v1/queues/{queue}/messages/{receipt}", methods{"DELETE": op(api.DeleteMessage), "PATCH": op(api.ChangeVisibility)}},
		{"/v1/queues/{queue}/purge", methods{"POST": op(api.PurgeQueue)}},
		{"/v1/queues/{queue}/redrive", methods{"POST": op(api.RedriveQueue)}},
		{"/v1/queues/{queue}", methods{"GET": op(api.Queue), "PUT": op(api.CreateQueue), "DELETE": op(api.DeleteQueue)}},
		{"/v1/queues", methods{"GET": op(api.ListQueues)}},

		{"/v1/topics/{topic}/messages", methods{"POST": op(api.PublishMessage)}},

		{"/v1/functions", methods{"GET": op(api.ListFunctions)}},
		{"/v1/functions/{function}", methods{"GET": op(api.Function)}},
		{"/v1/functions/{function}/enable", methods{"POST": op(api.EnableFunction)}},
		{"/v1/functions/{function}/disable", methods{"POST": op(api.DisableFunction)}},

		{"/v1/transfers", methods{"GET": op(api.ListTransfers)}},
		{"/v1/transfers/{id}", methods{"GET": op(api.Transfer)}},
		{"/v1/transfers/{id}/cancel", methods{"POST": op(api.CancelTransfer)}},
		{"/v1/transfers/{id}/resume", methods{"POST": op(api.ResumeTransfer)}},

		{"/hooks/{source}", methods{"POST": s.parts.Hooks}},

		{"/healthz", methods{"GET": http.HandlerFunc(s.healthz)}},
		{"/readyz", methods{"GET": http.HandlerFunc(s.readyz)}},
		{"/metrics", methods{"GET": s.parts.Metrics}},
		{"/v1/openapi.json", methods{"GET": http.HandlerFunc(serveOpenAPI)}},
	}
}

// routes makes the router of the paths.
func (s *Server) routes() http.Handler {
	// Paths are matched as they were sent, so that a name may hold a slash (%2F), and are not cleaned: to send a POST to
	// //v1/events elsewhere would turn it into a GET.
	m := mux.NewRouter().UseEncodedPath().SkipClean(true)
	for _, p := range s.paths() {
		m.Handle(p.pattern, s.dispatch(p))
	}
	if s.parts.Extra != nil {
		m.PathPrefix("/dev/").Handler(as("/dev/", s.parts.Extra))
	}
	if s.parts.Certificate != nil { // of the AWS protocols too
		const pattern = "/SimpleNotificationService-{hash}.pem"
		m.Handle(pattern, s.dispatch(path{pattern, methods{"GET": s.parts.Certificate}}))
	}
	m.NotFoundHandler = s.parts.Native.Handle(native.NotFound)
	if s.parts.AWS == nil {
		return m
	}
	// The AWS protocols have one path, "/", and those of queues, /{account}/{queue}; their operations are in tables of their
	// own. They come first because they are the most frequent.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.parts.AWS.Takes(r) {
			s.parts.AWS.ServeHTTP(w, r)
			return
		}
		m.ServeHTTP(w, r)
	})
}

// dispatch answers the methods of a path, and others with those that there are.
func (s *Server) dispatch(p path) http.Handler {
	named := make(methods, len(p.methods)+1)
	for method, handler := range p.methods {
		named[method] = as(method+" "+p.pattern, handler)
		if method == http.MethodGet {
			named[http.MethodHead] = named[method] // net/http leaves out the body
		}
	}
	allow := strings.Join(slices.Sorted(maps.Keys(named)), ", ")
	wrong := as("other", s.parts.Native.Handle(native.MethodNotAllowed))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handler, ok := named[r.Method]; ok {
			handler.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Allow", allow)
		wrong.ServeHTTP(w, r)
	})
}

// as tells the middleware, whose writer it is, which route took the request.
func as(route string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rec, ok := w.(*recorder); ok {
			rec.route = route
		}
		next.ServeHTTP(w, r)
	})
}
