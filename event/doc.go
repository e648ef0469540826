// Package event is the event as the router keeps it, and the forms in which it comes in and goes out.
//
// An [Event] is the EventBridge envelope plus what a CloudEvent carries beyond it. [Intake] decodes
// what producers publish (CloudEvents 1.0 in structured, binary and batched mode; plain JSON),
// [Event.AppendEventBridge] and [Parse] are the form that rules match on and that queues and logs
// keep, [Event.AppendStructured] and [Event.Binary] are what CloudEvents targets get.
//
// # Mapping
//
//	Event            EventBridge form            CloudEvents                    plain JSON
//	ID               id                          signalboxid (out only)         -
//	ProducerID       extensions.id               id                             -
//	Source           source                      source                         source
//	Type             detail-type                 type                           type
//	Time             time (whole seconds, Z)     time                           time
//	  in full        extensions.time, if more
//	Account          account                     - (left out)                   -
//	Region           region                      - (left out)                   -
//	ReplayName       replay-name, if any         - (left out)                   -
//	Resources        resources                   signalboxresources (JSON text) resources
//	Subject          extensions.subject          subject                        subject
//	DataContentType  extensions.datacontenttype  datacontenttype, Content-Type  -
//	DataSchema       extensions.dataschema       dataschema                     -
//	Extensions[x]    extensions.x                x, ce-x                        extensions.x
//	Detail           detail                      data                           data
//	Base64           extensions.data_base64:true data_base64                    -
//
// The object "extensions" of the EventBridge form is flat, because CloudEvents has one name space
// for its own attributes and for extensions: none of the two can hide the other.
//
// # Guarantees
//
//  1. The EventBridge form is lossless: Parse(AppendEventBridge(e)) is e, for every e that passed
//     [Event.Validate] (an empty Resources or Extensions comes back as nil, a nil Detail as null).
//  2. A CloudEvent that came in structured goes out structured with every attribute and its data as
//     they were: times in the producer's spelling, numbers and strings in data in their spelling.
//     Added are signalboxid; time, if there was none; datacontenttype application/json, if there was
//     none and data is JSON. Only white space between tokens, attributes that were null, and the
//     difference between data that is null and no data are not kept. Through binary mode, values of
//     extensions become strings, as the binding has it.
//  3. Bad input is refused as a whole, by an error that names the field; see [InvalidError].
//
// # Decisions
//
//   - Equal keys: the members of an event and its attributes may be there once; a second one is an
//     error. Within data they are kept as they are.
//   - Keys are matched exactly, not by folded case.
//   - JSON must be UTF-8, and data nest at most 1000 deep. In attributes half a surrogate pair, control
//     characters and noncharacters are errors, as CloudEvents has it.
//   - source and dataschema are not checked to be URIs: EventBridge sources ("shop") need not be.
//   - data that is null is no data.
//   - A leap second (23:59:60) is refused, as package time can not express it.
//   - An event that brings no time gets that of arrival, in whole seconds as on AWS, so that its
//     envelope is exactly AWS's; on the way out to CloudEvents targets too.
package event
