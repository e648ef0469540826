package httpapi

import "net/http"

// Routes returns the patterns of the paths with their methods.
func (s *Server) Routes() map[string][]string {
	routes := map[string][]string{}
	for _, p := range s.paths() {
		for method := range p.methods {
			routes[p.pattern] = append(routes[p.pattern], method)
		}
	}
	return routes
}

// OpenAPI is the embedded document.
func OpenAPI() []byte { return openAPI }

// Wrap is what the server does for every request, around another handler than its routes.
func (s *Server) Wrap(next http.Handler) http.Handler { return s.middleware(next) }

// Limits of connections, which the server's configuration has to honour.
const (
	ReadHeaderTimeout = readHeaderTimeout
	ReadTimeout       = readTimeout
	WriteTimeout      = writeTimeout
	IdleTimeout       = idleTimeout
)
