UPDATE evidence SET void_reason = :why, void_sequence = :sequence WHERE void_reason = '';
