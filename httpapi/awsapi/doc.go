// Package awsapi is what the AWS protocols have in common: how requests are told apart on one port, how they and their
// answers are written, and how errors are told. It knows no service; each is a [Service], a table of operations.
//
// Codec and operation are separate. An operation is one typed function from an input to an output; what an input or output
// looks like is said once, by the method of its [Shape], and read and written from there as AWS JSON 1.0 and 1.1 or as AWS
// Query with answers in XML. So a new operation is a row and two shapes, and a new protocol is a codec. Nothing here uses
// reflection: a shape hands out pointers to its members, and the codecs go by their types.
//
//	POST / ──► protocol and operation ──► codec ──► shape ──► function ──► shape ──► codec ──► answer
//	           X-Amz-Target: JSON                                │
//	           Action, Version: Query                            └──► error ──► the service's table ──► error document
//
// Besides the codecs it has what services say in the same way of their tables: conditions of the domain ([ErrorTable]), constraints
// of the framework ([Constraints]), pages ([Pages]), tags ([TagRules]), and the rows of the references in docs/.
//
// Requests are not authenticated: any credential, or none, is accepted, whatever its date or signature. Its scope gives the
// region; an access key ID of 12 digits is the account.
package awsapi
