package runtime

import (
	"os"
	"time"
)

// The failpoints of every service, between the steps of invariant 1.
const (
	FailpointEffectReceipt  = "effect-receipt"  // effects done, receipt not written
	FailpointReceiptPublish = "receipt-publish" // receipt written, events not published
	FailpointPublishAck     = "publish-ack"     // events published, message not acknowledged
)

// Failpoints returns the Failpoint port of a service: a function that kills the process, as kill -9 does, at the point that at
// names, such as "stager.effect-receipt". With an empty at the function does nothing.
func Failpoints(service, at string) func(point string) {
	if at == "" {
		return func(string) {}
	}
	return func(point string) {
		if service+"."+point != at {
			return
		}
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Kill()
		}
		time.Sleep(time.Minute) // wait for the signal: no code after this point may run
		os.Exit(137)
	}
}
