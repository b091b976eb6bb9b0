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

// Failpoints returns the Failpoint port of a service: at the point that at names ("stager.effect-receipt") the process kills
// itself, as kill -9 does. An empty at names no point.
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
		time.Sleep(time.Minute) // the signal is on its way: nothing after this point may happen
		os.Exit(137)
	}
}
