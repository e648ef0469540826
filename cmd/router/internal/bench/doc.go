// Package bench measures a server that speaks the SQS JSON 1.0 protocol: how many messages a second it takes and gives, and
// how long each waits.
//
// Clients, server and floors share one machine. So the clients are as cheap as they can be made (a goroutine, a connection
// and requests encoded beforehand), and a figure is read beside the floors of the same run: a bare HTTP server that answers
// the same bytes, and one that has synced the body to a file before. They are measured in turn with the server, round by
// round, so that whatever else the machine does hits all of them alike.
package bench
