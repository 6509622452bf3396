DELETE FROM blocks WHERE volume = :volume AND host = :host;
