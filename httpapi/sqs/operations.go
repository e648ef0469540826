package sqs

import "github.com/signalbox-mq/signalbox/httpapi/awsapi"

// operations is the table of all operations, in the order of the documentation: what a client may call, and in which way it
// differs from AWS.
func (a *API) operations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Op("CreateQueue", a.createQueue).OnService().Differs("The 60 seconds between `DeleteQueue` and `CreateQueue` of the same name are `aws.recreate_wait`, by default none."),
		awsapi.Op("DeleteQueue", a.deleteQueue).Differs("Done when it is answered, not up to 60 seconds later. A queue that the file declares can not be deleted (`UnsupportedOperation`)."),
		awsapi.Op("GetQueueUrl", a.getQueueURL),
		awsapi.Op("ListQueues", a.listQueues).OnService(),
		awsapi.Op("GetQueueAttributes", a.getQueueAttributes).Differs("The counts are exact, but for FIFO queues with a large delay (below)."),
		awsapi.Op("SetQueueAttributes", a.setQueueAttributes).Differs("In force when it is answered. A queue that the file declares can not be changed (`UnsupportedOperation`)."),
		awsapi.Op("PurgeQueue", a.purgeQueue).Differs("Done when it is answered. The 60 seconds between two are `aws.purge_wait`."),
		awsapi.Op("TagQueue", a.tagQueue),
		awsapi.Op("UntagQueue", a.untagQueue),
		awsapi.Op("ListQueueTags", a.listQueueTags),
		awsapi.Op("AddPermission", a.addPermission).Differs("The policy is kept and not enforced."),
		awsapi.Op("RemovePermission", a.removePermission).Differs("The policy is kept and not enforced."),

		awsapi.Op("SendMessage", a.sendMessage),
		awsapi.Op("SendMessageBatch", a.sendMessageBatch).Differs("The messages that are valid are accepted all together or not at all."),
		awsapi.Op("ReceiveMessage", a.receiveMessage).Differs("A short poll returns all that there is, up to `MaxNumberOfMessages`. One answer holds at most 8 MiB."),
		awsapi.Op("DeleteMessage", a.deleteMessage),
		awsapi.Op("DeleteMessageBatch", a.deleteMessageBatch),
		awsapi.Op("ChangeMessageVisibility", a.changeVisibility),
		awsapi.Op("ChangeMessageVisibilityBatch", a.changeVisibilityBatch),

		awsapi.Op("ListDeadLetterSourceQueues", a.listDeadLetterSourceQueues),
		awsapi.Op("StartMessageMoveTask", a.startMessageMoveTask).Differs("Only what is in the queue when the task starts is moved. There is no limit on the number of tasks or on their time."),
		awsapi.Op("ListMessageMoveTasks", a.listMessageMoveTasks).Differs("Tasks that have ended are kept for 7 days, at most 1,000."),
		awsapi.Op("CancelMessageMoveTask", a.cancelMessageMoveTask).Differs("What is on its way is still moved, and counted then."),
	}
}
