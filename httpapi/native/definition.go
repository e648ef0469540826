package native

import (
	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/queue"
)

// readDefinition reads the definition of a queue. Its members are those of the file, but for max_message_size, which is a
// number of bytes. A test holds them against queue.Definition.
func readDefinition(body []byte) (queue.Definition, error) {
	var def queue.Definition
	r := reader{data: body}
	plain := func(name string, to *duration.Duration) error {
		_, err := r.duration(name, to)
		return err
	}
	err := r.document(func(name string) error {
		switch name {
		case "fifo":
			return r.boolean(name, &def.FIFO)
		case "visibility_timeout":
			var timeout duration.Duration
			given, err := r.duration(name, &timeout)
			if given {
				def.VisibilityTimeout = &timeout
			}
			return err
		case "delay":
			return plain(name, &def.Delay)
		case "retention":
			return plain(name, &def.Retention)
		case "receive_wait":
			return plain(name, &def.ReceiveWait)
		case "max_message_size":
			return r.integer(name, &def.MaxMessageSize)
		case "max_in_flight":
			return r.integer(name, &def.MaxInFlight)
		case "partitions":
			return r.integer(name, &def.Partitions)
		case "content_based_deduplication":
			return r.boolean(name, &def.ContentBasedDeduplication)
		case "deduplication_scope":
			return r.text(name, &def.DeduplicationScope)
		case "dead_letter":
			return r.deadLetter(name, &def.DeadLetter)
		case "dead_letter_sources":
			return r.deadLetterSources(name, &def.DeadLetterSources)
		case "tags":
			return r.texts(name, &def.Tags)
		case "kept":
			return r.texts(name, &def.Kept)
		}
		return unknown("", name)
	})
	return def, err
}

func (r *reader) deadLetter(path string, to **queue.DeadLetter) error {
	if r.null() {
		return nil
	}
	var dl queue.DeadLetter
	err := r.object(path, func(name string) error {
		switch name {
		case "queue":
			return r.text(path+".queue", &dl.Queue)
		case "max_receives":
			return r.integer(path+".max_receives", &dl.MaxReceives)
		}
		return unknown(path, name)
	})
	*to = &dl
	return err
}

func (r *reader) deadLetterSources(path string, to **queue.DeadLetterSources) error {
	if r.null() {
		return nil
	}
	var sources queue.DeadLetterSources
	err := r.object(path, func(name string) error {
		switch name {
		case "deny":
			return r.boolean(path+".deny", &sources.Deny)
		case "queues":
			return r.list(path+".queues", &sources.Queues)
		}
		return unknown(path, name)
	})
	*to = &sources
	return err
}
