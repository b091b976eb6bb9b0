package pipeline

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

func isNoQueue(err error) bool {
	var missing *types.QueueDoesNotExist
	return errors.As(err, &missing)
}
