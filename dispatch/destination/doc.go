// Package destination has API destinations and the connections that authorize the calls to them: what they are, how a client
// makes and changes them, and how a delivery becomes a request, with tokens of OAuth where the connection asks for them.
//
// Secrets are in the catalog with their connection and leave it in requests only: no answer, error, log or record of an attempt
// shows them.
package destination
