package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"syscall"
	"time"
)

// answerLimit is how long a server may take to answer, long polls of 20 seconds included.
const answerLimit = 60 * time.Second

// client is one client: a goroutine's connection, its requests encoded beforehand, and what it has seen. Its methods are for
// one goroutine.
type client struct {
	address  address
	queueURL []byte // as it is written in JSON

	conn   net.Conn
	stop   func() bool // of the connection's end with its context
	reader *responseReader
	res    response
	ans    answer
	// renewed is when the connection's deadline was set: a deadline for each request would cost each request.
	renewed time.Time

	send, sendBatch, receive []byte
	// number and sendHead are where in send the message's number is.
	number        int
	deleteBody    []byte
	deleteRequest []byte

	tally tally
}

// tally is what a client has counted.
type tally struct {
	histogram  histogram
	operations int64
	messages   int64
	last       time.Time // the end of the last operation counted
	errors     int64
	first      error
	reconnects int64
}

func (t *tally) fail(err error) {
	if t.errors++; t.first == nil {
		t.first = err
	}
}

// clientOptions says which requests a client will send.
type clientOptions struct {
	body        int // bytes of a message's body
	most        int // messages of a receive
	waitSeconds int // of a receive
}

// newClient encodes the requests of the client with this number. It does not connect yet.
func newClient(a address, queueURL []byte, number int, o clientOptions) *client {
	random := rand.New(rand.NewPCG(uint64(number), 0))
	c := &client{address: a, queueURL: queueURL, reader: newResponseReader(nil)}
	body, at := sendBody(queueURL, random, o.body)
	c.send = a.appendRequest(nil, "SendMessage", body)
	c.number = len(c.send) - len(body) + at
	c.sendBatch = a.appendRequest(nil, "SendMessageBatch", sendBatchBody(queueURL, random, o.body))
	c.receiveUpTo(o.most, o.waitSeconds)
	return c
}

// receiveUpTo changes how many messages receives ask for and how long they wait for one.
func (c *client) receiveUpTo(most, waitSeconds int) {
	c.receive = c.address.appendRequest(c.receive[:0], "ReceiveMessage", receiveBody(c.queueURL, most, waitSeconds))
}

// close closes the connection, if there is one.
func (c *client) close() {
	if c.conn != nil {
		c.stop()
		c.conn.Close()
		c.conn = nil
	}
}

// do sends a request and reads its answer into c.res. When ctx ends, so does the connection.
//
// A connection that the server closed between two requests is replaced and the request sent again, as HTTP clients do.
func (c *client) do(ctx context.Context, request []byte) error {
	for {
		reused := c.conn != nil
		if !reused {
			if err := c.dial(ctx); err != nil {
				return err
			}
		}
		err := c.roundTrip(request)
		if err == nil {
			if c.res.closes {
				c.close()
			}
			return nil
		}
		c.close()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !reused || c.reader.begun || !closedByServer(err) {
			return err
		}
		c.tally.reconnects++
	}
}

// closedByServer reports whether an error says that the server closed the connection.
func closedByServer(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func (c *client) dial(ctx context.Context) error {
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", c.address.hostPort)
	if err != nil {
		return err
	}
	c.conn, c.renewed = conn, time.Time{}
	c.stop = context.AfterFunc(ctx, func() { conn.Close() })
	c.reader.reset(conn)
	return nil
}

func (c *client) roundTrip(request []byte) error {
	if now := time.Now(); now.Sub(c.renewed) > answerLimit/4 {
		if err := c.conn.SetDeadline(now.Add(answerLimit)); err != nil {
			return err
		}
		c.renewed = now
	}
	c.reader.begun = false
	if _, err := c.conn.Write(request); err != nil {
		return err
	}
	return c.reader.read(&c.res)
}

// call does a request and reads the JSON of its answer into c.ans. An answer other than 200 is an error.
func (c *client) call(ctx context.Context, operation string, request []byte) error {
	if err := c.do(ctx, request); err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	if c.res.status != 200 {
		return fmt.Errorf("%s: the server answered %d: %.300s", operation, c.res.status, c.res.body)
	}
	if err := c.ans.parse(c.res.body); err != nil {
		return fmt.Errorf("%s: %w: %.300s", operation, err, c.res.body)
	}
	return nil
}

// createQueue makes a queue and sends to it from now on.
func createQueue(ctx context.Context, a address, name string) (queueURL []byte, err error) {
	c := &client{address: a, reader: newResponseReader(nil)}
	defer c.close()
	if err := c.call(ctx, "CreateQueue", a.appendRequest(nil, "CreateQueue", fmt.Appendf(nil, `{"QueueName":%q}`, name))); err != nil {
		return nil, err
	}
	if len(c.ans.queueURL) == 0 {
		return nil, fmt.Errorf("CreateQueue: the answer has no QueueUrl: %.300s", c.res.body)
	}
	return append([]byte(nil), c.ans.queueURL...), nil
}

// deleteQueue deletes a queue with what is in it.
func deleteQueue(ctx context.Context, a address, queueURL []byte) error {
	c := &client{address: a, reader: newResponseReader(nil)}
	defer c.close()
	return c.call(ctx, "DeleteQueue", a.appendRequest(nil, "DeleteQueue", fmt.Appendf(nil, `{"QueueUrl":"%s"}`, queueURL)))
}

// sendOne sends the message.
func (c *client) sendOne(ctx context.Context) error {
	if err := c.call(ctx, "SendMessage", c.send); err != nil {
		return err
	}
	if len(c.ans.messageID) == 0 {
		return fmt.Errorf("SendMessage: the answer has no MessageId: %.300s", c.res.body)
	}
	return nil
}

// sendTen sends the batch of ten.
func (c *client) sendTen(ctx context.Context) error {
	if err := c.call(ctx, "SendMessageBatch", c.sendBatch); err != nil {
		return err
	}
	switch {
	case c.ans.failed > 0:
		return fmt.Errorf("SendMessageBatch: %d entries failed, the first: %.300s", c.ans.failed, c.ans.failure)
	case c.ans.identified != batchSize:
		return fmt.Errorf("SendMessageBatch: the answer has %d MessageIds instead of %d: %.300s", c.ans.identified, batchSize, c.res.body)
	}
	return nil
}

// receiveSome receives into c.ans.messages, which hold until the next request but a delete of theirs.
func (c *client) receiveSome(ctx context.Context) error {
	if err := c.call(ctx, "ReceiveMessage", c.receive); err != nil {
		return err
	}
	for _, m := range c.ans.messages {
		if len(m.id) == 0 || len(m.receipt) == 0 {
			return fmt.Errorf("ReceiveMessage: a message has no MessageId or no ReceiptHandle: %.300s", c.res.body)
		}
	}
	return nil
}

// deleteOne deletes the one message that was received.
func (c *client) deleteOne(ctx context.Context) error {
	c.deleteBody = appendDeleteBody(c.deleteBody[:0], c.queueURL, c.ans.messages[0])
	c.deleteRequest = c.address.appendRequest(c.deleteRequest[:0], "DeleteMessage", c.deleteBody)
	return c.call(ctx, "DeleteMessage", c.deleteRequest)
}

// deleteAll deletes the messages that were received, in a batch.
func (c *client) deleteAll(ctx context.Context) error {
	n := len(c.ans.messages)
	c.deleteBody = appendDeleteBatchBody(c.deleteBody[:0], c.queueURL, c.ans.messages)
	c.deleteRequest = c.address.appendRequest(c.deleteRequest[:0], "DeleteMessageBatch", c.deleteBody)
	if err := c.call(ctx, "DeleteMessageBatch", c.deleteRequest); err != nil {
		return err
	}
	switch {
	case c.ans.failed > 0:
		return fmt.Errorf("DeleteMessageBatch: %d entries failed, the first: %.300s", c.ans.failed, c.ans.failure)
	case c.ans.successful != n:
		return fmt.Errorf("DeleteMessageBatch: %d of %d entries succeeded: %.300s", c.ans.successful, n, c.res.body)
	}
	return nil
}
