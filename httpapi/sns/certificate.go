package sns

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/rs/zerolog"

	"github.com/signalbox-mq/signalbox/topic"
	"github.com/signalbox-mq/signalbox/topic/signing"
)

// Certificate serves the certificate of the signatures in messages, at the path of its URL. Another path is answered 404.
func Certificate(topics *topic.Topics, log zerolog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pem, err := topics.Certificate(r.Context(), r.URL.Path)
		switch {
		case errors.Is(err, signing.ErrNoCertificate):
			http.NotFound(w, r)
			return
		case err != nil:
			log.Error().Err(err).Msg("serving the certificate of the signatures")
			http.Error(w, "the certificate can not be read", http.StatusServiceUnavailable)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "application/x-pem-file")
		h.Set("Content-Length", strconv.Itoa(len(pem)))
		h.Set("Cache-Control", "public, max-age=86400")
		_, _ = w.Write(pem)
	})
}
