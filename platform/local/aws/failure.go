package aws

import (
	"errors"
	"fmt"
)

// failure is an error response: a code of the service and a message.
type failure struct {
	code    string
	message string
	status  int // HTTP; 0: the protocol's default for an error of the client
}

func (f *failure) Error() string { return f.code + ": " + f.message }

// failf returns a failure that is an error of the client.
func failf(code, format string, args ...any) error {
	return &failure{code: code, message: fmt.Sprintf(format, args...)}
}

// asFailure returns the failure in err. Any other error is an internal error (500).
func asFailure(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	return &failure{code: "InternalError", message: err.Error(), status: 500}
}

func errNoQueue(name string) error {
	return failf("QueueDoesNotExist", "The specified queue does not exist: %s.", name)
}

func errHandle(handle string) error {
	return failf("ReceiptHandleIsInvalid", "The input receipt handle %q is not a valid receipt handle of this queue.", handle)
}
