package tests

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// The operations of queryClient, one line each.

func (c *queryClient) AddPermission(ctx context.Context, in *sqs.AddPermissionInput, _ ...func(*sqs.Options)) (*sqs.AddPermissionOutput, error) {
	return queryCall[sqs.AddPermissionOutput](ctx, c, "AddPermission", in)
}

func (c *queryClient) CancelMessageMoveTask(ctx context.Context, in *sqs.CancelMessageMoveTaskInput, _ ...func(*sqs.Options)) (*sqs.CancelMessageMoveTaskOutput, error) {
	return queryCall[sqs.CancelMessageMoveTaskOutput](ctx, c, "CancelMessageMoveTask", in)
}

func (c *queryClient) ChangeMessageVisibility(ctx context.Context, in *sqs.ChangeMessageVisibilityInput, _ ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityOutput, error) {
	return queryCall[sqs.ChangeMessageVisibilityOutput](ctx, c, "ChangeMessageVisibility", in)
}

func (c *queryClient) ChangeMessageVisibilityBatch(ctx context.Context, in *sqs.ChangeMessageVisibilityBatchInput, _ ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	return queryCall[sqs.ChangeMessageVisibilityBatchOutput](ctx, c, "ChangeMessageVisibilityBatch", in)
}

func (c *queryClient) CreateQueue(ctx context.Context, in *sqs.CreateQueueInput, _ ...func(*sqs.Options)) (*sqs.CreateQueueOutput, error) {
	return queryCall[sqs.CreateQueueOutput](ctx, c, "CreateQueue", in)
}

func (c *queryClient) DeleteMessage(ctx context.Context, in *sqs.DeleteMessageInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error) {
	return queryCall[sqs.DeleteMessageOutput](ctx, c, "DeleteMessage", in)
}

func (c *queryClient) DeleteMessageBatch(ctx context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	return queryCall[sqs.DeleteMessageBatchOutput](ctx, c, "DeleteMessageBatch", in)
}

func (c *queryClient) DeleteQueue(ctx context.Context, in *sqs.DeleteQueueInput, _ ...func(*sqs.Options)) (*sqs.DeleteQueueOutput, error) {
	return queryCall[sqs.DeleteQueueOutput](ctx, c, "DeleteQueue", in)
}

func (c *queryClient) GetQueueAttributes(ctx context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	return queryCall[sqs.GetQueueAttributesOutput](ctx, c, "GetQueueAttributes", in)
}

func (c *queryClient) GetQueueUrl(ctx context.Context, in *sqs.GetQueueUrlInput, _ ...func(*sqs.Options)) (*sqs.GetQueueUrlOutput, error) {
	return queryCall[sqs.GetQueueUrlOutput](ctx, c, "GetQueueUrl", in)
}

func (c *queryClient) ListDeadLetterSourceQueues(ctx context.Context, in *sqs.ListDeadLetterSourceQueuesInput, _ ...func(*sqs.Options)) (*sqs.ListDeadLetterSourceQueuesOutput, error) {
	return queryCall[sqs.ListDeadLetterSourceQueuesOutput](ctx, c, "ListDeadLetterSourceQueues", in)
}

func (c *queryClient) ListMessageMoveTasks(ctx context.Context, in *sqs.ListMessageMoveTasksInput, _ ...func(*sqs.Options)) (*sqs.ListMessageMoveTasksOutput, error) {
	return queryCall[sqs.ListMessageMoveTasksOutput](ctx, c, "ListMessageMoveTasks", in)
}

func (c *queryClient) ListQueueTags(ctx context.Context, in *sqs.ListQueueTagsInput, _ ...func(*sqs.Options)) (*sqs.ListQueueTagsOutput, error) {
	return queryCall[sqs.ListQueueTagsOutput](ctx, c, "ListQueueTags", in)
}

func (c *queryClient) ListQueues(ctx context.Context, in *sqs.ListQueuesInput, _ ...func(*sqs.Options)) (*sqs.ListQueuesOutput, error) {
	return queryCall[sqs.ListQueuesOutput](ctx, c, "ListQueues", in)
}

func (c *queryClient) PurgeQueue(ctx context.Context, in *sqs.PurgeQueueInput, _ ...func(*sqs.Options)) (*sqs.PurgeQueueOutput, error) {
	return queryCall[sqs.PurgeQueueOutput](ctx, c, "PurgeQueue", in)
}

func (c *queryClient) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	return queryCall[sqs.ReceiveMessageOutput](ctx, c, "ReceiveMessage", in)
}

func (c *queryClient) RemovePermission(ctx context.Context, in *sqs.RemovePermissionInput, _ ...func(*sqs.Options)) (*sqs.RemovePermissionOutput, error) {
	return queryCall[sqs.RemovePermissionOutput](ctx, c, "RemovePermission", in)
}

func (c *queryClient) SendMessage(ctx context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	return queryCall[sqs.SendMessageOutput](ctx, c, "SendMessage", in)
}

func (c *queryClient) SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	return queryCall[sqs.SendMessageBatchOutput](ctx, c, "SendMessageBatch", in)
}

func (c *queryClient) SetQueueAttributes(ctx context.Context, in *sqs.SetQueueAttributesInput, _ ...func(*sqs.Options)) (*sqs.SetQueueAttributesOutput, error) {
	return queryCall[sqs.SetQueueAttributesOutput](ctx, c, "SetQueueAttributes", in)
}

func (c *queryClient) StartMessageMoveTask(ctx context.Context, in *sqs.StartMessageMoveTaskInput, _ ...func(*sqs.Options)) (*sqs.StartMessageMoveTaskOutput, error) {
	return queryCall[sqs.StartMessageMoveTaskOutput](ctx, c, "StartMessageMoveTask", in)
}

func (c *queryClient) TagQueue(ctx context.Context, in *sqs.TagQueueInput, _ ...func(*sqs.Options)) (*sqs.TagQueueOutput, error) {
	return queryCall[sqs.TagQueueOutput](ctx, c, "TagQueue", in)
}

func (c *queryClient) UntagQueue(ctx context.Context, in *sqs.UntagQueueInput, _ ...func(*sqs.Options)) (*sqs.UntagQueueOutput, error) {
	return queryCall[sqs.UntagQueueOutput](ctx, c, "UntagQueue", in)
}
