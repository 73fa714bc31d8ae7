package bench

// The picture is grey and never changes: an IDR picture of macroblocks without residual, then pictures that skip all of them. What makes up the
// bit rate is in SEI messages, which decoders pass by.

// Size of the picture, pixels and macroblocks.
const (
	Width       = 256
	Height      = 144
	macroblocks = Width / 16 * Height / 16
)

// NAL unit headers: nal_ref_idc and nal_unit_type (H.264 §7.4.1).
const (
	nalSlice = 0x61
	nalIDR   = 0x65
	nalSEI   = 0x06
	nalSPS   = 0x67
	nalPPS   = 0x68
)

// frameNumberBits is log2_max_frame_num: frames of a GOP are told apart up to so many.
const frameNumberBits = 16

// sps is the sequence parameter set (H.264 §7.3.2.1.1): constrained baseline, level 3.1, pictures in order of decoding, one reference.
func sps(fps int) []byte {
	var w bitWriter
	w.u(24, 0x42c01f)
	w.ue(0) // seq_parameter_set_id
	w.ue(frameNumberBits - 4)
	w.ue(2)   // pic_order_cnt_type: output order is decoding order
	w.ue(1)   // max_num_ref_frames
	w.u(1, 0) // gaps_in_frame_num_value_allowed_flag
	w.ue(Width/16 - 1)
	w.ue(Height/16 - 1)
	w.u(1, 1) // frame_mbs_only_flag
	w.u(1, 1) // direct_8x8_inference_flag
	w.u(1, 0) // frame_cropping_flag
	w.u(1, 1) // vui_parameters_present_flag, §E.1.1
	w.u(4, 0) // no aspect ratio, overscan, video signal, chroma location
	w.u(1, 1) // timing_info_present_flag
	w.u(32, 1)
	w.u(32, uint64(2*fps)) // time_scale: two fields a frame
	w.u(1, 1)              // fixed_frame_rate_flag
	w.u(4, 0)              // no HRD parameters, no pic_struct, no bitstream restriction
	w.trail()
	return nal(nalSPS, w.out)
}

// pps is the picture parameter set (H.264 §7.3.2.2): CAVLC, one slice group, slices say whether they are deblocked.
func pps() []byte {
	var w bitWriter
	w.ue(0)   // pic_parameter_set_id
	w.ue(0)   // seq_parameter_set_id
	w.u(2, 0) // CAVLC, no bottom_field_pic_order
	w.ue(0)   // one slice group
	w.ue(0)   // one reference in list 0
	w.ue(0)   // and in list 1
	w.u(3, 0) // no weighted prediction
	w.ue(0)   // pic_init_qp_minus26
	w.ue(0)   // pic_init_qs_minus26
	w.ue(0)   // chroma_qp_index_offset
	w.u(3, 4) // deblocking_filter_control_present_flag; no constrained intra prediction, no redundant pictures
	w.trail()
	return nal(nalPPS, w.out)
}

// idr is an IDR slice (H.264 §7.3.3): every macroblock is Intra_16x16, predicted from the mean of what is beside it, without residual. Neighbouring
// IDR pictures must differ in their id.
func idr(id uint32) []byte {
	var w bitWriter
	w.ue(0) // first_mb_in_slice
	w.ue(7) // slice_type: I, as all of the picture
	w.ue(0) // pic_parameter_set_id
	w.u(frameNumberBits, 0)
	w.ue(uint64(id & 1))
	w.u(2, 0) // dec_ref_pic_marking
	w.ue(0)   // slice_qp_delta
	w.ue(1)   // disable_deblocking_filter_idc
	for range macroblocks {
		w.ue(3)   // mb_type: Intra_16x16, DC prediction, no coefficients but those of §7.3.5.3
		w.ue(0)   // intra_chroma_pred_mode: DC
		w.ue(0)   // mb_qp_delta
		w.u(1, 1) // coeff_token: none
	}
	w.trail()
	return nal(nalIDR, w.out)
}

// skipped is a P slice that repeats the last picture (H.264 §7.3.4 "mb_skip_run").
func skipped(frame uint32) []byte {
	var w bitWriter
	w.ue(0) // first_mb_in_slice
	w.ue(5) // slice_type: P, as all of the picture
	w.ue(0) // pic_parameter_set_id
	w.u(frameNumberBits, uint64(frame)&(1<<frameNumberBits-1))
	w.u(3, 0) // no override of the references' number, no other order, no marking
	w.ue(0)   // slice_qp_delta
	w.ue(1)   // disable_deblocking_filter_idc
	w.ue(macroblocks)
	w.trail()
	return nal(nalSlice, w.out)
}

// nal makes a NAL unit of an RBSP: no byte sequence in it looks like a start code (H.264 §7.4.1.1).
func nal(header byte, rbsp []byte) []byte {
	out := []byte{header}
	zeros := 0
	for _, b := range rbsp {
		if zeros == 2 && b <= 3 {
			out = append(out, 3)
			zeros = 0
		}
		out = append(out, b)
		zeros++
		if b != 0 {
			zeros = 0
		}
	}
	return out
}
