package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"go.uber.org/goleak"
)

// receiveArgument makes this test program the other end of Limit.
const receiveArgument = "receive-for-limit"

func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == receiveArgument {
		players, err := strconv.Atoi(os.Args[3])
		if err == nil {
			err = Receive(context.Background(), os.Args[2], players)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func testReceiver(ctx context.Context, address, players string) *exec.Cmd {
	return exec.CommandContext(ctx, "/proc/self/exe", receiveArgument, address, players)
}
