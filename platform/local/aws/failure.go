package aws

import (
	"errors"
	"fmt"
)

// failure is an answer in the negative: a code of the service and a sentence for a person.
type failure struct {
	code    string
	message string
	status  int // HTTP; 0: the protocol's default for a client's mistake
}

func (f *failure) Error() string { return f.code + ": " + f.message }

// failf makes a client's failure.
func failf(code, format string, args ...any) error {
	return &failure{code: code, message: fmt.Sprintf(format, args...)}
}

// asFailure answers the failure in err; anything else is ours to blame (500).
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
