package awsapi

import "context"

// Service is one AWS service: what its wire forms are called, and its operations.
type Service struct {
	// Name is the service's in the scope of a credential: "sqs".
	Name string
	// Target is what X-Amz-Target begins with, before the dot; empty for a service without JSON.
	Target string
	// JSONVersion is "1.0" or "1.1".
	JSONVersion string
	// QueryVersion is the Version parameter of Query; empty for a service without Query.
	QueryVersion string
	// Namespace is that of the answers' XML.
	Namespace string
	// Flat says that lists and maps are flattened in Query.
	Flat bool
	// QueryErrors says that answers in JSON tell the Query code of an error in x-amzn-query-error.
	QueryErrors bool
	// ErrorNamespace is before the # in an error's __type, such as "com.amazonaws.sqs". When it is empty every __type is a bare
	// name, that of the framework's errors too.
	ErrorNamespace string
	// Coral says that what a request lacks is told as the framework below most services does: a member that is there with an empty
	// value is not lacking, and all that are lacking are told of at once, with what else breaks the model's constraints if the
	// input is Constrained.
	Coral bool
	// QueuePath makes paths of the form /{account}/{name} endpoints of the service, for Query.
	QueuePath  bool
	Operations []Operation
	// Refused are operations of the service's model that are not supported, with the reason.
	Refused map[string]string
	// ErrorOf tells what a client is told of an error of the domain packages; nil for one that it does not know.
	ErrorOf func(err error) *Error
}

// Operation is a row of a service's table.
type Operation struct {
	Name string
	// ServiceOnly says that a queue's own path is not an endpoint of the operation, in Query.
	ServiceOnly bool
	// Note says in which way it differs from AWS, in Markdown, for the documentation; empty if in none.
	Note string

	// input and output make new shapes.
	input, output func() Shape

	serve func(ctx context.Context, c *call) error
}

// Op makes a row of an operation's function. The input's memory is good until the function returns; a nil output is an
// empty one.
func Op[I, O any, PI shapeOf[I], PO shapeOf[O]](name string, f func(ctx context.Context, r *Request, in PI) (PO, error)) Operation {
	serve := func(ctx context.Context, c *call) error {
		in := PI(new(I))
		if err := c.read(in); err != nil {
			return err
		}
		out, err := f(ctx, &c.request, in)
		if err != nil {
			return err
		}
		if out == nil {
			out = PO(new(O))
		}
		_, void := any(out).(*Empty)
		c.write(out, void)
		return nil
	}
	return Operation{
		Name: name, serve: serve,
		input: func() Shape { return PI(new(I)) }, output: func() Shape { return PO(new(O)) },
	}
}

// Input returns the members of what the operation reads.
func (o *Operation) Input() []Member { return Describe(o.input()) }

// Output returns the members of what it answers.
func (o *Operation) Output() []Member { return Describe(o.output()) }

// Differs returns the row with a note in which way the operation differs from AWS.
func (o Operation) Differs(note string) Operation {
	o.Note = note
	return o
}

// OnService returns the row of an operation that has no queue's path as an endpoint.
func (o Operation) OnService() Operation {
	o.ServiceOnly = true
	return o
}
