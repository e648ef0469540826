package events

import "github.com/signalbox-mq/signalbox/httpapi/awsapi"

// The inputs and outputs of the operations, by the names of the service's model.

type field = awsapi.Field

func required(name string, to any) field { return field{Name: name, To: to, Required: true} }

func optional(name string, to any) field { return field{Name: name, To: to} }

// always is part of an answer although it is empty.
func always(name string, to any) field { return field{Name: name, To: to, Always: true} }

// done is the output of operations that have one, with nothing in it.
type done struct{}

func (*done) Fields(f []field) []field { return f }

type deadLetterConfig struct{ ARN string }

func (s *deadLetterConfig) Fields(f []field) []field { return append(f, optional("Arn", &s.ARN)) }

func (s *deadLetterConfig) constrain(c *awsapi.Constraints, path string) {
	if s != nil {
		c.Optional(path+".arn", s.ARN, anyARN)
	}
}

// onResource is the input of operations on anything that has tags.
type onResource struct{ ResourceARN string }

func (s *onResource) Fields(f []field) []field {
	return append(f, required("ResourceARN", &s.ResourceARN))
}

func (s *onResource) Constrain(c *awsapi.Constraints) { c.Text("resourceARN", s.ResourceARN, anyARN) }

type tagInput struct {
	ResourceARN string
	Tags        []awsapi.Tag
}

func (s *tagInput) Fields(f []field) []field {
	return append(f, required("ResourceARN", &s.ResourceARN), required("Tags", awsapi.List(&s.Tags)))
}

func (s *tagInput) Constrain(c *awsapi.Constraints) {
	c.Text("resourceARN", s.ResourceARN, anyARN)
	tags(c, s.Tags)
}

type untagInput struct {
	ResourceARN string
	Keys        []string
}

func (s *untagInput) Fields(f []field) []field {
	return append(f, required("ResourceARN", &s.ResourceARN), required("TagKeys", &s.Keys))
}

func (s *untagInput) Constrain(c *awsapi.Constraints) {
	c.Text("resourceARN", s.ResourceARN, anyARN)
	texts(c, "tagKeys", s.Keys, tagKey)
}

type tagsOutput struct{ Tags []awsapi.Tag }

func (s *tagsOutput) Fields(f []field) []field {
	return append(f, always("Tags", awsapi.List(&s.Tags)))
}
