-- Nothing but a comment;
;;
